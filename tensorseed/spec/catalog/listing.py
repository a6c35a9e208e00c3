"""Listings of init schemes and layer types, with their parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorseed.sampling.dtypes import INT64
from tensorseed.spec.canonical import init_value
from tensorseed.spec.catalog.descriptions import docstring, parameters
from tensorseed.spec.catalog.tensor_lines import TensorLine, tensor_lines
from tensorseed.spec.frameworks import every_initializer
from tensorseed.spec.json.text import dump
from tensorseed.spec.layers import LAYERS, Entry, Layer
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import fold
from tensorseed.spec.resolution import EntryTensor, resolve_entry
from tensorseed.spec.schemes import SCHEME_CLASSES

DTYPE = "float32"  # of the examples
EXAMPLE = "layer"  # their name

_TYPES = {name: cls for name, cls in LAYERS.items() if issubclass(cls, Layer)}
_BARE = [TensorLine("", "(*shape)", None, "init")]


def schemes_catalog() -> list[dict[str, Any]]:
    """Every init scheme: kind, aliases, summary, formula, source, parameters, and what frameworks call it."""
    catalog = []
    initializers = initializers_catalog()
    for cls in SCHEME_CLASSES:
        kind, *aliases = cls.spellings()
        catalog.append(
            {
                "kind": kind,
                "aliases": aliases,
                **docstring(cls),
                "parameters": parameters(cls, {"kind"}),
                "initializers": [one for one in initializers if one["kind"] == kind],
            }
        )
    return catalog


def initializers_catalog() -> list[dict[str, Any]]:
    """Every initializer of another framework: its name, framework, kind, scheme and parameters."""
    return [
        {
            "name": found.full_name,
            "framework": found.framework.title,
            "kind": found.kind,
            "scheme": found.initializer.meaning,
            "axes": [*found.framework.axes] if found.initializer.has_axes else [],
            "parameters": parameters(found.model(), set()),
        }
        for found in every_initializer()
    ]


def layers_catalog() -> list[dict[str, Any]]:
    """Every layer type: type, summary, formula, source, parameters, tensors, and an example of both.

    `init` of a layer is by parameter name.
    """
    return [
        {
            "type": name,
            "torch": f"torch.nn.{name}" if name in _TYPES and _TYPES[name].in_torch else None,
            **docstring(cls),
            "parameters": sorted(parameters(cls, {"name", "type", "dtype", "stream", "seed"}), key=_rank),
            "tensors": [_tensor(line) for line in _lines(name)],
            "example": _example(cls),
        }
        for name, cls in LAYERS.items()
    ]


def _rank(parameter: dict[str, Any]) -> tuple[bool, bool]:
    """Required parameters first, inits last."""
    return parameter["name"] == "init", not parameter["required"]


def _lines(name: str) -> list[TensorLine]:
    return tensor_lines(_TYPES[name], _TYPES) if name in _TYPES else _BARE


def _tensor(line: TensorLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "kind": "buffer" if line.buffer else "parameter",
        "shape": line.shape,
        "dtype": INT64.name if line.integer else None,
        "condition": line.condition,
        "init": line.init,
    }


def _example(cls: type[Entry]) -> dict[str, Any]:
    """An entry from the examples of its required fields, and its tensors, equal ones in one row."""
    required = {
        name: field.examples[0]
        for name, field in cls.model_fields.items()
        if field.is_required() and field.examples and name != "name"
    }
    entry = {"name": EXAMPLE, "type": cls.type_name(), **required}
    return {"entry": entry, "tensors": _grouped(resolve_entry(_model(cls, entry), DTYPE, Limits()).tensors)}


def _model(cls: type[Entry], entry: dict[str, Any]) -> Entry:
    return cls.model_validate_json(dump(entry))


def _grouped(tensors: Iterable[EntryTensor]) -> list[dict[str, Any]]:
    alike: dict[tuple[Any, ...], list[EntryTensor]] = {}
    for tensor in tensors:
        alike.setdefault((tensor.dtype.name, tensor.shape, id(tensor.scheme)), []).append(tensor)
    return [
        {
            "name": name,
            "shape": first.shape,
            "dtype": first.dtype.name,
            "init": init_value(first.scheme),
        }
        for first, *rest in alike.values()
        for name in fold(EXAMPLE + tensor.suffix for tensor in (first, *rest))
    ]
