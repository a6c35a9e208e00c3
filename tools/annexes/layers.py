"""Markdown annex of the layer types: arguments, and their tensors."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from tensorseed.spec.catalog.listing import layers_catalog

HEAD = """\
# Layers v1: the tensors of each layer type

This annex of [file v1](file-v1.md) is generated from the code by `make docs`.
A type is a class of torch.nn where its heading says so.
The tensors of such a type are those of the class's `state_dict`.
A tensor's name is the entry's name, a point and the name in the table.
The order of tensors in the tables means nothing: a file has its own.

## Reading the tables

Arguments are listed with their defaults; those without one are required.
[`recipe-v1.schema.json`](recipe-v1.schema.json) has their types and bounds.
Shapes and conditions are Python's expressions over the arguments.

| expression | meaning |
|---|---|
| `//` | the quotient rounded down |
| `a or b` | a, or b where a is 0 |
| `not`, `and`, `==`, `<` | as in Python; a number other than 0, true and an object hold, and null does not |
| `(1 + bidirectional)` | 2 where it is true, else 1 |
| `*kernel_size` | the sizes one by one; a single number stands for every dimension of the kernel |
| `*normalized_shape` | the sizes one by one; a single number is one size |
| `prod`, `len` | the product (1 of an empty list), and the number of members |
| `(*cutoffs, n_classes)[i + 1]` | member i + 1, from 0, of the list of cutoffs with n_classes behind |
| `div_value ** (i + 1)` | the power, correctly rounded to float64; its `//` is of an exact quotient |
| `{k}`, `{i}` in a name | one tensor for each of 0, 1, 2, … that the condition admits |
| `kdim`, `vdim` | `embed_dim` where they are null |

Inits are schemes of [stream v1](stream-v1.md), in float64:

| init | meaning |
|---|---|
| `uniform(±1/√size)` | uniform(−bound, bound), bound = 1/√size, each rounded; zeros where size is 0 |
| `kaiming_uniform(a=√5)` | a is the float64 nearest to √5, 2.23606797749979 |
| `√fan_in` of a bias | the fan_in of the type's `weight` |
| with zeros in the row padding_idx | +0 there if `padding_idx` is given, under this default init alone |

A tensor marked int64 is an int64 tensor whatever the entry's dtype.
"""


def layers_page() -> str:
    """The page: one section for all types that are alike."""
    sections: dict[tuple[str, str, str], list[str]] = {}
    for layer in layers_catalog():
        if layer["type"] != "Tensor":
            module = "torch.nn." if layer["torch"] else ""
            key = module, _arguments(layer["parameters"]), _tensors(layer["tensors"])
            sections.setdefault(key, []).append(layer["type"])
    bodies = [
        f"\n## {module}{', '.join(types)}\n\n{arguments}\n{tensors}"
        for (module, arguments, tensors), types in sections.items()
    ]
    return HEAD + "".join(bodies)


def _arguments(parameters: list[dict[str, Any]]) -> str:
    """A list item for each argument that is an object, and one for all others."""
    plain = [p for p in parameters if "parameters" not in p and "options" not in p and p["name"] != "init"]
    lines = ["- " + _spelled(plain)]
    for parameter in parameters:
        if "parameters" in parameter:
            lines.append(f"- `{parameter['name']}`, an object: {_spelled(parameter['parameters'])}")
        for option in parameter.get("options", []):
            kind = f"`{parameter['name']}`, null or an object of `type` {option['type']}"
            lines.append(f"- {kind}: {_spelled(option['parameters'])}")
    return "".join(f"{textwrap.fill(line, 118, subsequent_indent='  ')}\n" for line in lines)


def _spelled(parameters: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"`{p['name']}`" if p["required"] else f"`{p['name']}={json.dumps(p['default'])}`" for p in parameters
    )


def _tensors(tensors: list[dict[str, Any]]) -> str:
    rows = ["| tensor | shape | if | init |", "|---|---|---|---|"]
    for tensor in tensors:
        name = f"`{tensor['name']}`" + (f", {tensor['dtype']}" if tensor["dtype"] else "")
        condition = f"`{tensor['condition']}`" if tensor["condition"] else ""
        rows.append(f"| {name} | `{tensor['shape']}` | {condition} | {_init(tensor['init'])} |")
    return "".join(f"{row}\n" for row in rows)


def _init(text: str) -> str:
    scheme, comma, rest = text.partition(", with ")
    return f"`{scheme}`{comma}{rest}"
