"""Feature extractors of sounds in the bands and lengths of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorseed.checkpoints.processors.members import first_whole, part, whole
from tensorseed.checkpoints.processors.table import defaults_of

_AUDIO = ("audio_config", "audio_encoder", "codec_config")
_THINKER = "thinker_config"  # of the Omni models, around the audio config
_SAME = ("num_mel_bins", "sampling_rate", "max_length")  # named so in configs too
MAX_SECONDS = 1_000  # of a sound that fills all positions


def feature_extractor(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A feature extractor of a class: what the class has by itself, for the inputs that the config takes."""
    audio = part(part(config, _THINKER), *_AUDIO)
    found = {**defaults_of(name), "feature_extractor_type": name}
    for member in _SAME:
        value = whole(audio.get(member))
        if value is not None and member in found:
            found[member] = value
    bands = whole(audio.get("num_mel_bins"))
    if bands is not None and found.get("feature_size", 1) > 1:
        found["feature_size"] = bands
    channels = whole(audio.get("audio_channels"))
    if channels is not None and found.get("feature_size") == 1:
        found["feature_size"] = channels
    if name == "Wav2Vec2FeatureExtractor":
        found["return_attention_mask"] = config.get("feat_extract_norm") == "layer"
    positions = first_whole((audio,), "max_source_positions")
    if "nb_max_frames" in found and positions is not None:
        found |= _frames(2 * positions, found["sampling_rate"], found["hop_length"])
    return found


def _frames(frames: int, rate: int, hop: int) -> dict[str, int]:
    """Whole seconds and a hop that give so many frames: frames = ⌊seconds · rate / hop⌋.

    The usual hop is kept where it gives them in whole seconds. Whisper's encoder halves the frames by its
    second convolution, and takes no other number of them.
    """
    first, rest = divmod(frames * hop, rate)
    for seconds in range(max(first, 1), MAX_SECONDS if rest else first + 1):
        near = seconds * rate // frames
        step = hop if not rest else near
        if step and seconds * rate // step == frames:
            samples = seconds * rate
            return {
                "chunk_length": seconds,
                "hop_length": step,
                "n_samples": samples,
                "nb_max_frames": frames,
            }
    return {}
