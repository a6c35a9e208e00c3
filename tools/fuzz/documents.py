"""Strategies of nearly valid bodies: specs, losses and evaluations."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tensorseed.losses import LOSSES
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.modules import MODULES
from tensorseed.spec.schemes import SCHEMES
from tools.fuzz.bodies import framed

JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    5,
    64,
    65_536,
    1 << 31,
    1 << 60,
    1 << 63,
    1 << 64,
    10**30,
    0.5,
    -0.0,
]
JUNK += [
    1e308,
    5e-324,
    "",
    "x",
    "1",
    "NaN",
    "-Infinity",
    "\ud800",
    "a.{0..3}",
    "{0..999999999}",
    "__metadata__",
]
JUNK += [
    ["input"],
    [],
    {},
    [[]],
    [0],
    [1, 2],
    [[1.5, "NaN"]],
    [1] * 65,
    {"data": [1]},
    {"kind": "zeros"},
    "zeros",
    "Tanh",
]
WORDS = ["fan_in", "fan_avg", "relu", "tanh", "normal", "uniform", "same", "reflect", "mean", "sum", "none"]

junk = st.sampled_from(JUNK).map(copy.deepcopy)
small = st.integers(1, 8)
numbers = st.integers(-1, 9) | st.sampled_from([0.5, -1.5, 1e30, 1 << 40])
values = numbers | st.sampled_from(WORDS) | junk
names = st.sampled_from(["w", "fc", "h.{0..2}.x", "a/b", "größe", " ", ".", "a.{0..1}.{0..1}"]) | st.text(
    max_size=5
)
dtypes = st.sampled_from(["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "int64", "bool"])


@cache
def some(fields: tuple[str, ...], leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A few of the fields."""
    return st.dictionaries(st.sampled_from(fields), leaf, max_size=3) if fields else st.just({})


@st.composite
def inits(draw: st.DrawFn) -> Any:
    """A scheme's name, or an object with any values for its parameters."""
    kind = draw(st.sampled_from(sorted(SCHEMES)))
    if draw(st.booleans()):
        return kind
    fields = tuple(name for name in SCHEMES[kind].model_fields if name != "kind")
    return {"kind": kind, **draw(some(fields, values))}


@st.composite
def layers(draw: st.DrawFn, kinds: dict[str, Any] = LAYERS) -> dict[str, Any]:
    """A layer with what it requires, and any values for some of its other arguments."""
    kind = draw(st.sampled_from([*sorted(kinds), "Tensor", "Linear"]))
    if kind == "Tensor":
        shape = draw(st.lists(st.integers(0, 8), max_size=4))
        return {"name": draw(names), "type": kind, "shape": shape, "init": draw(inits())}
    fields = {name: field for name, field in kinds[kind].model_fields.items() if name not in {"name", "type"}}
    needed = {name: draw(small) for name, field in fields.items() if field.is_required()}
    given = (
        draw(some(tuple(name for name in fields if name != "init"), values)) if draw(st.booleans()) else {}
    )
    own = {"init": {"weight": draw(inits())}} if "init" in fields and draw(st.booleans()) else {}
    return {"name": draw(names), "type": kind, **needed, **given, **own}


specs = st.fixed_dictionaries(
    {"layers": st.lists(layers(), max_size=3)},
    optional={
        "seed": st.integers(0, 9),
        "dtype": dtypes,
        "device": st.sampled_from(["auto", "cpu", "cuda:99"]),
        "generator": st.sampled_from(["philox", "philox", "torch"]),
    },
)


NETWORK: dict[str, Any] = {
    "layers": [
        {"name": "a", "type": "Linear", "in_features": 4, "out_features": 3},
        {"type": "Tanh"},
        {"name": "b", "type": "Linear", "in_features": 3, "out_features": 2, "init": {"weight": "zeros"}},
    ],
    "input": {"shape": [5, 4], "init": "normal"},
    "target": {"classes": 2},
    "loss": {"kind": "cross_entropy", "label_smoothing": 0.1},
    "optimizer": {"kind": "SGD", "lr": 0.1},
    "steps": 2,
}
NETWORKS: list[dict[str, Any]] = [
    NETWORK,
    {**NETWORK, "compare": [{"seed": 1}, {"init": {"weight": "ones"}, "dtype": "float64", "label": "b"}]},
    {**NETWORK, "return_weights": True, "optimizer": "Adam", "dtype": "bfloat16", "generator": "torch"},
    {
        "layers": [
            {
                "name": "r{0..1}",
                "type": "Residual",
                "layers": [
                    {"type": "Sine"},
                    {"name": "a", "type": "Linear", "in_features": 4, "out_features": 4},
                ],
                "scale": 0.5,
            },
            {"name": "c", "type": "Concat", "branches": [[], [{"type": "Tanh"}]]},
        ],
        "input": {"shape": [3, 4], "init": "normal"},
    },
    {"layers": [{"type": "Flatten"}, {"type": "ReLU"}], "input": {"data": [[[1.0, "NaN"], [0, -2]]]}},
    {
        "layers": [
            {"name": "e", "type": "Embedding", "num_embeddings": 5, "embedding_dim": 3},
            {"name": "g", "type": "GRU", "input_size": 3, "hidden_size": 2, "batch_first": True},
        ],
        "input": {"shape": [2, 4], "classes": 5},
    },
]


@st.composite
def evaluations(draw: st.DrawFn) -> Any:
    """A network that runs, sometimes with a layer more that need not fit."""
    document = copy.deepcopy(draw(st.sampled_from(NETWORKS)))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(document["layers"])))
        document["layers"].insert(place, draw(layers({**LAYERS, **MODULES})))
    return document


def filled(shape: list[int], value: Any) -> Any:
    """Nested lists of a shape."""
    return [filled(shape[1:], value) for _ in range(shape[0])] if shape else value


@st.composite
def losses(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """The tensors of a loss, of related shapes, and any values for some of its options."""
    cls = LOSSES.get(name) or draw(st.sampled_from(list(LOSSES.values())))
    shape = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    shapes = st.sampled_from([shape, shape, shape, shape[:-1], shape[:1], shape[1:], shape[:1] + shape[2:]])
    found: dict[str, Any] = {}
    for argument in cls.arguments:
        if not argument.optional or draw(st.booleans()):
            leaf = draw(st.integers(0, 2) if argument.numbers == "integer" else numbers)
            found[argument.name.replace("{i}", "0")] = filled(draw(shapes), leaf)
    fields = (*cls.model_fields, "dtype", "device", "gradients")
    return found | (draw(some(fields, values)) if draw(st.booleans()) else {})


@st.composite
def mutated(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> Any:
    """A document with up to three of its members dropped, doubled, renamed or replaced."""
    document = copy.deepcopy(draw(documents))
    for _ in range(draw(st.integers(0, 3))):
        place = document
        while isinstance(place, dict | list) and place:
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            key: Any = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            _mutate(draw, place, key)
            break
    return document


def _mutate(draw: st.DrawFn, place: Any, key: Any) -> None:
    match draw(st.integers(0, 3)):
        case 0:
            del place[key]
        case 1 if isinstance(place, list):
            place.insert(key, copy.deepcopy(place[key]))
        case 1:
            place[draw(st.sampled_from(["x", "init", "data", "shape", "name", key + "s"]))] = draw(junk)
        case _:
            place[key] = draw(values)


SPLINTERS = [b"\x00", b"\xff", b"\xef\xbb\xbf", b"NaN", b"1e400", b"{", b"}", b'"', b"\\", b",", b"[" * 300]
SPLINTERS += [b'"\\ud800"', b'"a":1,"a":2,', b"-", b"0", b"//", b"\xc3\x28", b" " * 100, b"9" * 5000]


@st.composite
def texts(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> bytes:
    """A document's text, one in four cut short, or with something in it that does not belong there."""
    text = json.dumps(draw(documents)).encode()
    if draw(st.integers(0, 3)):
        return text
    place = draw(st.integers(0, len(text)))
    return (
        text[:place]
        if draw(st.booleans())
        else text[:place] + draw(st.sampled_from(SPLINTERS)) + text[place:]
    )


@st.composite
def tensors(draw: st.DrawFn, name: str) -> bytes:
    """A safetensors body of a loss's arguments, with the faults that a header can have."""
    cls = LOSSES.get(name) or draw(st.sampled_from(list(LOSSES.values())))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    header: dict[str, Any] = {}
    end = 0
    for argument in cls.arguments:
        code, size = (
            ("I64", 8) if argument.numbers == "integer" else draw(st.sampled_from([("F32", 4), ("BF16", 2)]))
        )
        elements = 1
        for n in shape:
            elements *= n
        place = [end, end := end + elements * size]
        header[argument.name.replace("{i}", "0")] = {"dtype": code, "shape": shape, "data_offsets": place}
    return framed(draw(texts(mutated(st.just(header)))), bytes(end))
