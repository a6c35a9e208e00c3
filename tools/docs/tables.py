"""Tables of the documentation, made from the catalogues."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from service.server.error_handlers import PROBLEMS
from service.server.metrics import Metrics
from service.settings import PREFIX, Settings
from service.settings.environment import bounds, default
from tensorseed.checkpoints.library import shipped
from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES, Recipe, read_recipe
from tensorseed.checkpoints.set_layouts import plan_layouts
from tensorseed.evaluations.containers import CONTAINERS
from tensorseed.evaluations.optimizers import OPTIMIZERS
from tensorseed.losses import LOSSES, losses_catalog
from tensorseed.spec.catalog.descriptions import docstring, parameters
from tensorseed.spec.catalog.listing import initializers_catalog, layers_catalog, schemes_catalog
from tensorseed.spec.layers import FanAxes
from tensorseed.spec.limits import Limits
from tensorseed.spec.modules import MODULES
from tensorseed.spec.schemes.fans import NONLINEARITIES, TORCH_AXES, fans, gain
from tools.docs.commands import commands, exit_codes, options
from tools.docs.families import families

ROOT = Path(__file__).parents[2]
OPENAPI = ROOT / "openapi" / "openapi.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"

Row = Sequence[object]
Table = tuple[Sequence[str], Iterable[Row]]
"""Headings and rows."""
Parameter = dict[str, Any]

_SIZES = re.compile(r"list of \d integers?")  # of a kernel: one number a dimension
_SHAPES = [
    ("Linear", (256, 784), None),
    ("Conv2d", (64, 3, 7, 7), None),
    ("ConvTranspose2d", (64, 3, 7, 7), None),
    ("Conv2d, groups = 4", (64, 16, 3, 3), None),
    ("Embedding", (1000, 64), None),
    ("Conv2d, depthwise, by group", (64, 1, 3, 3), {"in": 1, "out": 0, "groups": 64}),
    ("JAX or Keras kernel, dense", (784, 256), {"in": -2, "out": -1}),
    ("JAX or Keras kernel, convolution", (7, 7, 3, 64), {"in": -2, "out": -1}),
    ("JAX kernel, depthwise", (3, 3, 1, 64), {"in": -2, "out": -1, "groups": 64}),
    ("Keras kernel, depthwise", (3, 3, 64, 1), {"in": [], "out": -1, "batch": -2}),
    ("attention, to heads (embed, heads, head)", (512, 8, 64), {"in": 0, "out": [1, 2]}),
    ("attention, from heads (heads, head, embed)", (8, 64, 512), {"in": [0, 1], "out": 2}),
    ("stacked experts (experts, in, out)", (8, 256, 512), {"in": -2, "out": -1, "batch": 0}),
]


def _schemes() -> Table:
    rows = (
        (_call(scheme["kind"], scheme["parameters"]), _names(scheme["aliases"]), *_about(scheme))
        for scheme in schemes_catalog()
    )
    return ("scheme", "also", "values", "source"), rows


def _scheme_parameters() -> Table:
    return ("parameter", "of", "type", "default", "values", "meaning"), _merged(
        (scheme["kind"], parameter) for scheme in schemes_catalog() for parameter in scheme["parameters"]
    )


def _initializers() -> Table:
    rows = (
        (
            _call(one["name"], [*one["parameters"], *map(_axis, one["axes"])]),
            f"`{one['scheme']}`" if re.fullmatch(r"\w+(\([^()]*\))?", one["scheme"]) else one["scheme"],
        )
        for one in initializers_catalog()
    )
    return ("initializer", "scheme"), rows


def _axis(name: str) -> Parameter:
    return {"name": name, "required": False, "default": None}


def _gains() -> Table:
    rows = (
        (f"`{name}`", "√(2 / (1 + a²))" if name == "leaky_relu" else f"{gain(name):.6g}")
        for name in NONLINEARITIES
    )
    return ("`nonlinearity`", "gain"), rows


def _fans() -> Table:
    return ("weight", "shape", "`fan_axes`", "`fan_in`", "`fan_out`"), map(_fan_row, _SHAPES)


def _fan_row(example: tuple[str, tuple[int, ...], dict[str, Any] | None]) -> Row:
    name, shape, axes = example
    given = FanAxes.model_validate(axes) if axes else None
    found = fans(shape, given.axes_of(shape) if given else TORCH_AXES)
    assert found is not None
    written = f"`{json.dumps(axes)}`" if axes else "torch's"
    return name, shape, written, found.fan_in, found.fan_out


def _layer_types() -> Table:
    rows = ((_call(layer["type"], layer["parameters"]), *_about(layer)) for layer in layers_catalog())
    return ("type", "what it computes", "source"), rows


def _layer_arguments() -> Table:
    return ("argument", "of", "type", "default", "values", "meaning"), _merged(
        (layer["type"], parameter)
        for layer in layers_catalog()
        for parameter in layer["parameters"]
        if parameter["name"] != "init" or layer["type"] == "Tensor"
    )


def _losses() -> Table:
    rows = (
        (f"`{loss['kind']}`", about, loss["denominator"], loss["empty"], source)
        for loss in losses_catalog()
        for about, source in [_about(loss)]
    )
    return ("loss", "formula", "`mean` divides by", "where that is 0", "source"), rows


def _loss_tensors() -> Table:
    alike: dict[Row, list[str]] = {}
    for loss in losses_catalog():
        for argument in loss["arguments"]:
            needed = "optional" if argument["optional"] else "required"
            gradient = "yes" if argument["differentiable"] else "no"
            row = (f"`{argument['name']}`", argument["numbers"], argument["shape"], needed, gradient)
            alike.setdefault(row, []).append(loss["kind"])
    rows = ((name, _names(losses), *rest) for (name, *rest), losses in alike.items())
    return ("tensor", "of", "numbers", "shape", "needed", "gradient"), rows


def _loss_options() -> Table:
    return ("option", "of", "type", "default", "values", "meaning"), _merged(
        (f"`{loss['kind']}`", parameter) for loss in losses_catalog() for parameter in loss["parameters"]
    )


def _expected_losses() -> Table:
    found = ((name, cls.model_construct().expectation((1, 10))) for name, cls in LOSSES.items())
    rows = ((f"`{name}`", expectation.formula) for name, expectation in found if expectation is not None)
    return ("loss", "expected value, with 10 classes where there are classes"), rows


def _modules() -> Table:
    rows = ((_call(name, _arguments(cls)), docstring(cls)["summary"]) for name, cls in MODULES.items())
    return ("module", "what it computes"), rows


def _containers() -> Table:
    rows = (
        (_call(name, _members(cls)), f"{about['summary']}<br>{about['formula']}", about["source"])
        for name, cls in CONTAINERS.items()
        for about in [docstring(cls)]
    )
    return ("type", "what it computes", "source"), rows


def _members(cls: type[BaseModel]) -> list[Parameter]:
    """The fields of a model that holds models of its own kind, but for its type."""
    return [
        {"name": name, "required": field.is_required(), "default": field.default}
        for name, field in cls.model_fields.items()
        if name != "type"
    ]


def _optimizers() -> Table:
    rows = (
        (_call(name, _arguments(cls)), docstring(cls)["summary"], docstring(cls).get("source", ""))
        for name, cls in OPTIMIZERS.items()
    )
    return ("optimizer", "step", "source"), rows


def _arguments(cls: Any) -> list[Parameter]:
    return parameters(cls, {"name", "type"})


def _routes() -> Table:
    """Every operation but HEAD, which stands beside its GET."""
    rows = []
    for path, operations in json.loads(OPENAPI.read_text())["paths"].items():
        for method, operation in operations.items():
            methods = "GET, HEAD" if method == "get" else method.upper()
            rows.append((methods, f"`{path}`", operation["summary"]))
    return ("methods", "path", "answer"), rows


def _problems() -> Table:
    kinds = sorted(PROBLEMS.kinds.values(), key=lambda kind: (kind.status, kind.name))
    return ("status", "type", "title"), ((kind.status, f"`{kind.type}`", kind.title) for kind in kinds)


def _settings() -> Table:
    rows = (
        (f"`{PREFIX}{name.upper()}`", _code(default(field)), bounds(field), field.description)
        for name, field in Settings.model_fields.items()
    )
    return ("variable", "default", "bounds", "meaning"), rows


def _metrics() -> Table:
    rows = (
        (f"`{family.name}{'_total' * (family.type == 'counter')}`", family.documentation)
        for family in Metrics().registry.collect()
        if family.name.startswith("tensorseed")
    )
    return ("metric", "meaning"), rows


def _alerts() -> Table:
    rows = (
        (
            f"`{rule['alert']}`",
            f"`{rule['expr']}`",
            rule["annotations"]["summary"],
            rule["annotations"]["remedy"],
        )
        for group in yaml.safe_load(ALERTS.read_text())["groups"]
        for rule in group["rules"]
    )
    return ("alert", "expression", "means", "remedy"), rows


def _recipes() -> Table:
    rows = (_recipe(read_recipe(path.read_bytes(), path.name)) for path in sorted(shipped().glob("*.json")))
    columns = ("repository", "aliases", "components", "parameters", "bytes of tensors", "dtype", "what it is")
    return columns, rows


def _recipe(recipe: Recipe) -> Row:
    layout = plan_layouts(recipe, None, Limits(), MAX_SHARD_BYTES)
    elements, size = sum(layout.parameters.values()), layout.data_bytes
    aliases = ", ".join(f"`{alias}`" for alias in recipe.aliases)
    components = ", ".join(f"`{part.folder}`" for part in recipe.sets if part.folder)
    dtypes = ", ".join(recipe.dtypes)
    return f"`{recipe.id}`", aliases, components, f"{elements:,}", f"{size:,}", dtypes, recipe.description


def _merged(parameters: Iterable[tuple[str, Parameter]]) -> Iterator[Row]:
    """A row for each parameter, those of several owners that are alike in one."""
    alike: dict[Row, list[str]] = {}
    for owner, parameter in parameters:
        row = (
            f"`{parameter['name']}`",
            _SIZES.sub("list, one a dimension", parameter["type"]),
            "required" if parameter["required"] else _code(_json(parameter["default"])),
            _values(parameter),
            parameter["description"],
        )
        alike.setdefault(row, []).append(owner)
    for (name, *rest), owners in alike.items():
        yield name, ", ".join(owners), *rest


def _about(entry: dict[str, Any]) -> tuple[str, str]:
    """The summary above the formula, and the source, of an entry of a catalogue."""
    return f"{entry['summary']}<br>{entry['formula']}", entry["source"]


def _values(parameter: Parameter) -> str:
    """The bounds of a parameter, or its choices, in words."""
    if "choices" in parameter:
        return " ".join(_code(_json(choice)) for choice in parameter["choices"])
    words = {"minimum": "at least", "greater_than": "more than", "maximum": "at most"}
    return ", ".join(f"{said} {parameter[key]:,}" for key, said in words.items() if key in parameter)


def _call(name: str, arguments: Iterable[Parameter]) -> str:
    """The name with its arguments, each with its default, as Python would write a signature."""
    given = [
        argument["name"] if argument["required"] else f"{argument['name']}={_json(argument['default'])}"
        for argument in arguments
        if argument["name"] != "init"
    ]
    return f"`{name}({', '.join(given)})`" if given else f"`{name}`"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


TABLES: dict[str, Callable[[], Table]] = {
    "schemes": _schemes,
    "scheme-parameters": _scheme_parameters,
    "initializers": _initializers,
    "gains": _gains,
    "fans": _fans,
    "layer-types": _layer_types,
    "layer-arguments": _layer_arguments,
    "losses": _losses,
    "loss-tensors": _loss_tensors,
    "loss-options": _loss_options,
    "expected-losses": _expected_losses,
    "modules": _modules,
    "containers": _containers,
    "optimizers": _optimizers,
    "routes": _routes,
    "problems": _problems,
    "settings": _settings,
    "metrics": _metrics,
    "alerts": _alerts,
    "families": families,
    "commands": commands,
    "options": options,
    "exit-codes": exit_codes,
    "recipes": _recipes,
}
