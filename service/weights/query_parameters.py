"""Documented query parameters of weights; those of schemes come from the schemes."""

from __future__ import annotations

from typing import Any

from tensorseed.spec.schemes import SCHEME_CLASSES, SCHEMES

from ..http.openapi import Parameter, parameter

_COMMON = (
    ("shape", True, "256,784", "Dimensions, separated by commas; empty for a single number."),
    ("init", False, "xavier_uniform", "The init scheme."),
    ("seed", False, "42", "The seed, 0 to 2^64 - 1."),
    ("name", False, "weight", "The tensor's name, which its values depend on."),
    ("dtype", False, "bfloat16", "The dtype; float32 if left out."),
    ("generator", False, "philox", "The generator; philox if left out."),
    ("device", False, "auto", "Where to compute; with philox it never changes a bit."),
    ("torch_version", False, "2.13.0", "Only with generator torch: the version that must draw."),
)


def query_parameters() -> list[Parameter]:
    """The parameters of a one-tensor spec: the common ones, then every parameter that some scheme has."""
    kinds = {"init": {"enum": list(SCHEMES)}}
    common = [
        parameter("query", name, text, example, required=required, **kinds.get(name, {}))
        for name, required, example, text in _COMMON
    ]
    return [*common, *(_scheme_parameter(name, meanings) for name, meanings in _of_schemes().items())]


def slice_parameter() -> Parameter:
    """The slice of a tensor."""
    text = "One index range a dimension, separated by commas, as in Python; the whole tensor if left out."
    return parameter("query", "slice", text, "0:128,:")


def _of_schemes() -> dict[str, list[tuple[str, str, Any]]]:
    """Of each parameter, the schemes that have it, with its meaning there and an example."""
    found: dict[str, list[tuple[str, str, Any]]] = {}
    for cls in SCHEME_CLASSES:
        for name, field in cls.model_fields.items():
            if name != "kind":
                example = (field.examples or [field.default])[0]
                found.setdefault(name, []).append((cls.spellings()[0], field.description or "", example))
    return found


def _scheme_parameter(name: str, meanings: list[tuple[str, str, Any]]) -> Parameter:
    texts: dict[str, list[str]] = {}
    for kind, text, _ in meanings:
        texts.setdefault(text, []).append(kind)
    description = " ".join(f"{', '.join(kinds)}: {text}" for text, kinds in texts.items())
    return parameter("query", name, description, str(meanings[0][2]))
