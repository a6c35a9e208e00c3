"""Special tokens of a config: their ids by role, and their texts by id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorseed.checkpoints.tokenizers.families import CLIP, QWEN, ROBERTA, Family

MAX_MEMBERS = 256  # special tokens that a config names beside those with a role

ROLES = ("eos", "bos", "pad", "unk", "mask", "cls", "sep", "decoder_start")
_SUFFIXES = ("_token_id", "_token_index")
_FILLER = re.compile(r"<extra_\d+>")
_PADS = {"image": "<|image_pad|>", "video": "<|video_pad|>"}  # as Qwen's processors name them


@dataclass
class SpecialTokens:
    """Ids by role, texts by id, and texts by the member of the config that names them."""

    size: int
    roles: dict[str, int] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def add(self, id_: int, text: str) -> str:
        """The token of an id: the one that it has, or `text`, with the id where that stands elsewhere."""
        if id_ not in self.texts:
            if text in self._used or _FILLER.fullmatch(text):
                text = f"{text[:-1]}_{id_}>"
            self._used.add(text)
            self.texts[id_] = text
        return self.texts[id_]

    def free(self, id_: int | None) -> int:
        """`id_` if it has no token yet, the lowest such id otherwise; −1 is the last of the vocabulary."""
        if id_ is not None:
            id_ = self.size - 1 if id_ < 0 else id_
            if id_ < self.size and id_ not in self.texts:
                return id_
        return next(id_ for id_ in range(len(self.texts) + 1) if id_ not in self.texts)

    def text(self, role: str) -> str | None:
        """The token of a role."""
        id_ = self.roles.get(role)
        return None if id_ is None else self.texts[id_]


def special_tokens(
    configs: list[Mapping[str, Any]], size: int, family: Family, *, masks: bool = False
) -> SpecialTokens:
    """The special tokens that configs name, the first before the next, and those that the class needs.

    A model that `masks` has a mask, at the last id where its family says nothing.
    Where nothing else can pad, a token of its own does.
    Of two roles with one id the first of `ROLES` names the token.
    """
    found = SpecialTokens(size)
    for role in ROLES:
        ids = [id_ for config in configs for id_ in _ids(config.get(f"{role}_token_id"), size)]
        if ids and not (family is CLIP and role in {"eos", "bos", "pad"} and _pools_at_highest(configs)):
            found.roles[role] = ids[0]
            found.add(ids[0], family.names[role])
        for id_ in ids[1:]:
            found.add(id_, f"<{role}_{id_}>")
    needs = {**({"mask": -1} if masks else {}), **_needs(family, found)}
    if not {"eos", "bos", "pad"} & {*found.roles, *needs}:
        needs["pad"] = -1
    for role, wanted in needs.items():
        if role not in found.roles:
            found.roles[role] = id_ = found.free(wanted)
            found.add(id_, family.names[role])
    if family is ROBERTA:
        found.roles |= {"cls": found.roles["bos"], "sep": found.roles["eos"]}
    for config in configs:
        _add_members(config, found, family)
    return found


def _needs(family: Family, found: SpecialTokens) -> Mapping[str, int | None]:
    if family is CLIP:
        return {"eos": found.size - 1, "bos": found.size - 2}
    return family.needs


def _pools_at_highest(configs: list[Mapping[str, Any]]) -> bool:
    """Whether CLIP pools at the highest id, which is `eos` then.

    CLIP does so where its config says 2, OWL-ViT whatever its config says. Source: `CLIPTextTransformer` and
    `OwlViTTextTransformer` of transformers.
    """
    if any(str(config.get("model_type")).startswith(("owlvit", "owlv2")) for config in configs):
        return True
    named = (config["eos_token_id"] for config in configs if config.get("eos_token_id") is not None)
    return bool(next(named, 2) == 2)


def _add_members(config: Mapping[str, Any], found: SpecialTokens, family: Family) -> None:
    """Add the tokens of members such as `image_token_id`."""
    for name, value in config.items():
        stem = next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), "")
        if not stem or stem in ROLES or len(found.members) >= MAX_MEMBERS or not stem.isidentifier():
            continue
        for id_ in _ids(value, found.size)[:1]:
            text = f"<{stem}>"
            if family is QWEN:
                text = _PADS.get(stem, f"<|{stem}|>")
            found.members[f"{stem}_token"] = found.add(id_, text)


def _ids(value: object, size: int) -> list[int]:
    """The ids of a vocabulary among a number or a list of numbers."""
    listed = value[:MAX_MEMBERS] if isinstance(value, list) else [value]
    return [id_ for id_ in listed if type(id_) is int and 0 <= id_ < size]
