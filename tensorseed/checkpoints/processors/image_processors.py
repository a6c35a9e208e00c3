"""Image processors whose sizes are those of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorseed.checkpoints.processors.members import first_whole, pair, part, whole
from tensorseed.checkpoints.processors.table import defaults_of

_VISION = ("vision_config", "vision_encoder", "image_config")
_SIZES = ("size", "crop_size", "pad_size", "max_image_size", "mask_size", "mask_pad_size")
_PATCHES = {
    "patch_size": "patch_size",
    "temporal_patch_size": "temporal_patch_size",
    "merge_size": "spatial_merge_size",
}
_LLAVA = ("llava", "llava_next", "llava_next_video", "video_llava", "vipllava")


def image_processor(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """An image processor of a class: what the class has by itself, in the sizes of the config."""
    vision = part(config, *_VISION)
    found = {**defaults_of(name), "image_processor_type": name}
    sides = pair(vision.get("image_size")) or pair(config.get("image_size"))
    if sides is not None:
        _resize(found, sides)
    for member, source in _PATCHES.items():
        value = whole(vision.get(source))
        if value is not None and member in found:
            found[member] = {"height": value, "width": value} if isinstance(found[member], dict) else value
    if "image_grid_pinpoints" in found and isinstance(config.get("image_grid_pinpoints"), list):
        found["image_grid_pinpoints"] = config["image_grid_pinpoints"]
    tokens = _image_tokens(config)
    if config.get("model_type") == "paligemma" and tokens is not None:
        found["image_seq_length"] = tokens
    return found


def _resize(found: dict[str, Any], sides: tuple[int, int]) -> None:
    """Set the sizes to that of the model's images.

    Sizes of masks, and those that are larger than the largest image by design, keep their proportion. A size
    of two bounds, such as the longest and the shortest edge, stays as it is.
    """
    height, width = sides
    sizes = (found.get("max_image_size"), found.get("size"))
    base = next((size for size in sizes if isinstance(size, dict)), {})  # Aria's largest is a number
    reference = max(base.values(), default=0) if len(base) == 1 else 0
    for name in _SIZES:
        size = found.get(name)
        if not isinstance(size, dict):
            continue
        if reference and name != "pad_size":
            found[name] = {edge: max(1, old * max(sides) // reference) for edge, old in size.items()}
            if name == "crop_size":
                found[name] = {"height": height, "width": width}
        elif set(size) == {"height", "width"}:
            found[name] = {"height": height, "width": width}


def processor_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a processor of images and text takes beside its parts; empty where that is nothing."""
    model_type, vision = config.get("model_type"), part(config, *_VISION)
    if model_type in _LLAVA:
        strategy = config.get("vision_feature_select_strategy", "default")
        found = {
            "patch_size": whole(vision.get("patch_size")),
            "num_additional_image_tokens": 1 if vision.get("model_type") == "clip_vision_model" else 0,
            "vision_feature_select_strategy": strategy if isinstance(strategy, str) else None,
        }
        return {name: value for name, value in found.items() if value is not None}
    if model_type == "gemma3" and (tokens := whole(config.get("mm_tokens_per_image"))) is not None:
        return {"image_seq_length": tokens}
    return {}


def _image_tokens(config: Mapping[str, Any]) -> int | None:
    """The tokens that an image takes: its patches, unless the config says."""
    vision = part(config, *_VISION)
    sides, patch = pair(vision.get("image_size")), whole(vision.get("patch_size"))
    found = first_whole((config, vision), "num_image_tokens")
    if found is None and sides is not None and patch is not None:
        found = (sides[0] // patch) * (sides[1] // patch)
    return found
