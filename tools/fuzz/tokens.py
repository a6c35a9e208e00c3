"""Tokens: a spec with one canonical token, or a documented error."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

from tensorseed.errors import SpecError, TooLargeError, UnknownNameError, VersionError
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import CHECKSUM_BYTES, PREFIX, decode_token, encode_token
from tools.fuzz.refusals import check_refusal

LIMITS = Limits(tensors=256, values=64, file_bytes=1 << 40, name_chars=1 << 14, materialised_bytes=1 << 20)


def corpus() -> list[bytes]:
    """Specs of every part of the language, and tokens."""
    tensor = {"type": "Tensor", "name": "w", "shape": [3, 4], "init": {"kind": "normal", "std": 0.02}}
    linear = {"type": "Linear", "name": "h.{0..2}.fc", "in_features": 4, "out_features": 2}
    layers = [
        tensor,
        linear,
        {**tensor, "init": "zeros", "dtype": "bfloat16", "stream": "other"},
        {**tensor, "fan_axes": {"in": -2, "out": -1}, "init": "he_normal"},
        {**tensor, "shape": [2], "init": {"kind": "values", "data": [0.5, -1]}},
        {**linear, "init": {"weight": {"kind": "orthogonal", "gain": 2}, "bias": "ones"}},
        {
            "type": "Conv2d",
            "name": "c",
            "in_channels": 2,
            "out_channels": 4,
            "kernel_size": [3, 3],
            "groups": 2,
        },
        {"type": "LSTM", "name": "größe", "input_size": 2, "hidden_size": 3, "bidirectional": True},
    ]
    specs: list[dict[str, Any]] = [{"layers": [layer]} for layer in layers]
    specs += [{"layers": []}, {"layers": layers[:2], "seed": "18446744073709551615", "device": "cpu"}]
    specs += [{"layers": layers[:1], "seed": 7, "dtype": "float64", "generator": "philox"}]
    texts = [json.dumps(spec).encode() for spec in specs]
    parsed = [parse_spec(text, LIMITS) for text in texts]
    canonical = [resolved.recipe.encode() for resolved in parsed]
    return [*texts, *canonical, *(encode_token(resolved).encode() for resolved in parsed)]


def check(data: bytes) -> None:
    """The data as a token, as the recipe within one, and as a spec."""
    _decoded(data.decode("utf-8", "replace"))
    resolved = _parsed(data)
    forged = _decoded(forge(data))
    assert (forged is not None) == _is_canonical(data, resolved), "a token of what is not canonical"
    if resolved is not None:
        check_bounds(resolved)
        token = encode_token(resolved)
        again = _decoded(token)
        assert (again is None) == (len(token) > LIMITS.token_chars), "a token that is not read"
        assert again is None or _file(again) == _file(resolved), "another file comes back"


def forge(recipe: bytes) -> str:
    """A token with a true checksum over anything."""
    checksum = hashlib.sha256(recipe).digest()[:CHECKSUM_BYTES]
    return PREFIX + urlsafe_b64encode(checksum + recipe).decode().rstrip("=")


def _file(resolved: ResolvedSpec) -> tuple[object, ...]:
    """What the bytes depend on: the device is none of it, but for its type with generator torch."""
    return resolved.seed, resolved.generator, resolved.tensors, resolved.recipe, resolved.torch


def _is_canonical(data: bytes, resolved: ResolvedSpec | None) -> bool:
    if resolved is None or len(forge(data)) > LIMITS.token_chars:
        return False
    return resolved.recipe.encode() == data


def _decoded(token: str) -> ResolvedSpec | None:
    try:
        resolved = decode_token(token, LIMITS)
    except (UnknownNameError, TooLargeError, VersionError) as error:
        check_refusal(error)
        return None
    assert encode_token(resolved) == token, "two tokens of one spec"
    return resolved


def _parsed(data: bytes) -> ResolvedSpec | None:
    try:
        return parse_spec(data, LIMITS)
    except (SpecError, TooLargeError, VersionError) as error:
        check_refusal(error)
        return None


def check_bounds(resolved: ResolvedSpec) -> None:
    """Raise for a spec beyond `LIMITS`."""
    names = [tensor.name for tensor in resolved.tensors]
    assert len(set(names)) == len(names) <= LIMITS.tensors, "names twice, or too many"
    assert sum(map(len, names)) <= LIMITS.name_chars, "names too long"
    assert sum(tensor.nbytes for tensor in resolved.tensors) <= LIMITS.file_bytes, "a file too large"
    assert 0 <= resolved.seed < 1 << 64, "a seed out of bounds"
    assert json.loads(resolved.recipe)["seed"] == str(resolved.seed), "a recipe with another seed"
