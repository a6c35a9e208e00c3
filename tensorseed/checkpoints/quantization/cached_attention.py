"""Scales of a quantised cache of keys and values: `kv_cache_scheme`.

Names, shape and dtype are those of compressed-tensors' `initialize_attn_qparams`: `k_scale` and `v_scale` of
one element beside the projections, in the dtype of the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from tensorseed.checkpoints.quantization.described import ActivationScale, ConfigFormatError

MEMBER = "kv_cache_scheme"

_SCALES = (ActivationScale("k_scale", (1,)), ActivationScale("v_scale", (1,)))
_WANTED = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True, "dynamic": False}
_DEFAULTS = {"strategy": "tensor", "symmetric": True, "dynamic": False}  # of the library
_PROJECTION = re.compile(r"(.*\.\d+\..*)\.(?:k_proj|v_proj|qkv_proj|kv_b_proj)\.weight")
_WITHOUT_CACHE = re.compile(r"vision|visual|audio")  # towers, which read their input at once


def cache_scales(scheme: Any) -> tuple[ActivationScale, ...]:
    """The scales that a kv_cache_scheme stores; none where it is null.

    Raises:
        ConfigFormatError: it is another than that of static floats of 8 bits by tensor.
    """
    if scheme is None:
        return ()
    if not isinstance(scheme, dict):
        raise ConfigFormatError(MEMBER, f"{MEMBER} must be an object or null")
    for member, wanted in _WANTED.items():
        found = scheme.get(member, _DEFAULTS.get(member))
        found = _DEFAULTS.get(member) if found is None else found
        if found != wanted or type(found) is not type(wanted):
            detail = f"{MEMBER} must have {member} {json.dumps(wanted)}: engines read symmetric static floats"
            raise ConfigFormatError(MEMBER, f"{detail} of 8 bits by tensor, or leave it out")
    return _SCALES


def cached_attentions(tensors: Iterable[str]) -> set[str]:
    """The modules with a cache of keys and values, by the names of their projections.

    >>> cached_attentions(["h.0.self_attn.k_proj.weight", "vision_tower.h.0.self_attn.k_proj.weight"])
    {'h.0.self_attn'}
    """
    found = (_PROJECTION.fullmatch(name) for name in tensors if not _WITHOUT_CACHE.search(name))
    return {match[1] for match in found if match}
