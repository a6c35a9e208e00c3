"""Tokens of evaluations: one for all requests that mean the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from service.evaluations.examples import EVALUATION_EXAMPLES
from tensorseed.errors import EvaluationError, UnknownNameError
from tensorseed.evaluations import decode_evaluation, encode_evaluation, read_evaluation
from tensorseed.evaluations.evaluation import Evaluation
from tensorseed.evaluations.respelling import canonical_text
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.modules import MODULES
from tensorseed.spec.modules.pooling import Pool
from tests.tensorseed.evaluations.tokens import forge

LIMITS = Limits()
OF_ITS_OWN = {("LayerNorm", "normalized_shape"), ("RMSNorm", "normalized_shape"), ("Mean", "dim")}
"""Arguments whose list of two equal numbers means something else than one of them."""

LAYER = {"name": "fc", "type": "Linear", "in_features": 4, "out_features": 3}
BARE: dict[str, Any] = {"layers": [LAYER], "input": {"shape": [8, 4], "init": "normal"}}
TRAINED: dict[str, Any] = {
    **BARE,
    "target": {"classes": 3},
    "loss": "cross_entropy",
    "optimizer": "SGD",
    "steps": 2,
}


def read(document: Any) -> Evaluation:
    return read_evaluation(json.dumps(document).encode(), LIMITS)


def with_layer(**arguments: Any) -> dict[str, Any]:
    return {**BARE, "layers": [{**LAYER, **arguments}]}


def with_loss(**options: Any) -> dict[str, Any]:
    return {**TRAINED, "loss": {"kind": "cross_entropy", **options}}


def with_rule(**members: Any) -> dict[str, Any]:
    return {**BARE, "rules": [{"match": "**.weight", "init": "zeros", **members}]}


def convolved(*, pool: Any = 1, dilation: Any = 1, **arguments: Any) -> dict[str, Any]:
    convolution = {"name": "c", "type": "Conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 3}
    pooling = {"type": "MaxPool2d", "kernel_size": pool, "dilation": dilation}
    return {
        "layers": [{**convolution, **arguments}, pooling],
        "input": {"shape": [2, 1, 7, 7], "init": "normal"},
    }


POOLS = [kind for kind, model in MODULES.items() if issubclass(model, Pool)]
"""The modules that step by their window where nothing is said."""


def pooled(kind: str, size: Any = 2, **arguments: Any) -> dict[str, Any]:
    norm = {"norm_type": 2} if kind.startswith("LP") else {}
    sides = [4] * int(kind[-2])
    return {
        "layers": [{"type": kind, "kernel_size": size, **norm, **arguments}],
        "input": {"shape": [2, 1, *sides], "init": "normal"},
    }


def attended(**arguments: Any) -> dict[str, Any]:
    attention = {"name": "a", "type": "MultiheadAttention", "embed_dim": 4, "num_heads": 2}
    return {"layers": [{**attention, **arguments}], "input": {"shape": [2, 3, 4], "init": "normal"}}


def with_target(**members: Any) -> dict[str, Any]:
    return {**TRAINED, "target": {"classes": 3, **members}}


def regressed(**members: Any) -> dict[str, Any]:
    return {**TRAINED, "loss": "mse_loss", "target": {"init": "normal", **members}}


def enlarged(**arguments: Any) -> dict[str, Any]:
    found = convolved()
    return {**found, "layers": [*found["layers"], {"type": "Upsample", **arguments}]}


def encoded(norm: Any, **arguments: Any) -> dict[str, Any]:
    layer = {"d_model": 4, "nhead": 2, "dim_feedforward": 8, **arguments}
    encoder = {
        "name": "e",
        "type": "TransformerEncoder",
        "num_layers": 1,
        "encoder_layer": layer,
        "norm": norm,
    }
    return {"layers": [encoder], "input": {"shape": [2, 3, 4], "init": "normal"}}


def compared(*variants: Any) -> dict[str, Any]:
    return {**TRAINED, "compare": [*variants]}


PARTS = {"kind": "parts", "parts": [{"size": 1, "init": {"kind": "normal", "std": 2}}, {"init": "ones"}]}
LITERAL = {"kind": "values", "data": [[1, 2, 3, 4], [0, 0.5, 0, 1e17], [1, 1, 1, 1]]}
SAMPLES = [
    with_layer(init={"weight": PARTS, "bias": {"kind": "constant", "value": 3}}),
    with_layer(init={"weight": LITERAL}),
    {**BARE, "seed": 7, "input": {"data": [[1, 2, 0.5, 1e16], [0, 0, 0, "NaN"]]}},
    {**TRAINED, "optimizer": {"kind": "SGD", "lr": 1, "momentum": 0.5}, "smoothing": 0},
    {
        **TRAINED,
        "target": {"data": [0, 1, 2, 0, 1, 2, 0, 1]},
        "loss": {"kind": "cross_entropy", "weight": [1, 2, 3]},
    },
    compared(
        {"seed": 7},
        {"kind": "normal", "std": 1e16},
        {"rules": [{"match": "**", "init": {"kind": "normal", "std": 2}}]},
    ),
    compared({"kind": "SGD", "lr": 1}, {"kind": "Adam", "lr": 2}),
    encoded({"type": "LayerNorm", "normalized_shape": 4, "eps": 1}),
    with_rule(init={"kind": "uniform", "a": -1, "b": 1}),
    {**BARE, "calibrate": {"method": "lsuv", "tolerance": 1}},
]


def alike(model: Any, name: str) -> list[tuple[Any, list[Any]]]:
    """The numbers of an argument, and every list of them that it takes and that means the same."""
    field = model.model_fields[name]
    adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    longest = 1 if (model.type_name(), name) in OF_ITS_OWN else 7

    def takes(value: Any) -> bool:
        try:
            adapter.validate_json(json.dumps(value), strict=True)
        except ValidationError:
            return False
        return True

    numbers = [number for number in (0, 1, 3, 0.5) if takes(number)]
    lists = [(number, [number] * length) for number in numbers for length in range(1, longest + 1)]
    return [(number, values) for number, values in lists if takes(values)]


def test_a_number_and_a_list_of_it_have_one_text() -> None:
    """Of every argument of every layer and module that takes both."""
    seen = set()
    for model in (*LAYERS.values(), *MODULES.values()):
        for name in model.model_fields.keys() - {"init"}:
            for number, values in alike(model, name):
                entry = {"type": model.type_name(), **dict.fromkeys(model.defaults_from.values(), 9)}
                texts = {
                    canonical_text({**BARE, "layers": [{**entry, name: one}]}, 1 << 12)
                    for one in (number, values, [float(value) for value in values])
                }
                assert len(texts) == 1, (entry, name, values)
                seen.add((model.type_name(), name))
    assert {*OF_ITS_OWN, ("ZeroPad2d", "padding"), ("FractionalMaxPool2d", "output_ratio")} < seen


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value that holds no others, with its path."""
    items = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if items is None:
        yield path, value
    else:
        for name, one in items:
            yield from leaves(one, (*path, name))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    found = copy.deepcopy(document)
    inner = found
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return found


def spellings(value: Any) -> list[Any]:
    """A number in other forms of JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return []
    return [other(value) for other in (int, float, str)]


@pytest.mark.parametrize("document", SAMPLES)
def test_every_form_of_a_number_has_one_token(document: dict[str, Any]) -> None:
    """Wherever another form of a number is taken, as 1.0 for 1 and "7" for the seed 7."""
    token = encode_evaluation(read(document))
    for path, value in leaves(document):
        for other in spellings(value):
            try:
                found = encode_evaluation(read(replaced(document, path, other)))
            except EvaluationError:
                continue  # no form of this number
            assert found == token, (path, value, other)


def test_the_frozen_form() -> None:
    assert read({**BARE, "seed": 42}).recipe == (
        '{"input":{"init":"normal","shape":[8,4]},'
        '"layers":[{"in_features":4,"name":"fc","out_features":3,"type":"Linear"}],"seed":"42"}'
    )


@pytest.mark.parametrize("example", [one["value"] for one in EVALUATION_EXAMPLES.values()])
def test_there_and_back(example: dict[str, Any]) -> None:
    evaluation = read({**example, "return_weights": False})
    token = encode_evaluation(evaluation)
    assert token == forge(evaluation.recipe or "")
    again = decode_evaluation(token, LIMITS)
    assert again.variants == evaluation.variants
    assert (again.nodes, again.steps, again.recipe) == (evaluation.nodes, evaluation.steps, evaluation.recipe)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BARE, {**BARE, "seed": "0", "generator": "Philox", "device": "cpu", "rules": [], "compare": []}),
        (BARE, {**BARE, "target": None, "loss": None, "smoothing": 0.9, "training": True}),
        (BARE, {"input": {"init": {"kind": "normal", "std": 1}, "shape": [8, 4]}, "layers": [LAYER]}),
        (with_layer(init="he_normal"), with_layer(init={"kind": "kaiming_normal", "a": 0})),
        (with_layer(init="xavier_uniform"), with_layer(init="keras.initializers.GlorotUniform")),
        (TRAINED, {**TRAINED, "optimizer": {"kind": "torch.optim.SGD", "lr": 0.001, "momentum": 0}}),
        (TRAINED, {**TRAINED, "loss": {"kind": "cross_entropy"}}),
        (TRAINED, {**TRAINED, "loss": "CrossEntropyLoss"}),
        (TRAINED, {**TRAINED, "loss": {"kind": "cross_entropy", "label_smoothing": 0, "reduction": "mean"}}),
        (with_loss(label_smoothing=0.5), with_loss(kind="CrossEntropyLoss", label_smoothing=0.50)),
        (with_rule(init="he_normal"), with_rule(init={"kind": "kaiming_normal", "mode": "fan_in", "a": 0})),
        (with_rule(type="nn.Linear"), with_rule(type="Linear", fan_axes=None)),
        (with_rule(init="xavier_uniform"), with_rule(init="keras.initializers.GlorotUniform")),
        (convolved(kernel_size=3), convolved(kernel_size=[3, 3], stride=[1, 1], padding=[0, 0])),
        (convolved(pool=2), convolved(pool=[2, 2], dilation=[1, 1])),
        *((pooled(kind), pooled(kind, stride=2)) for kind in POOLS),
        (pooled("MaxPool2d"), pooled("MaxPool2d", stride=[2, 2])),
        (pooled("MaxPool2d", size=[2, 1]), pooled("MaxPool2d", size=[2, 1], stride=[2, 1])),
        (attended(), attended(kdim=4)),
        (TRAINED, with_target(shape=[8])),
        (TRAINED, with_target(class_axis=1)),
        (TRAINED, with_target(class_axis=-1, shape=[8])),
        (with_target(class_axis=0, classes=8), with_target(class_axis=-2, classes=8, shape=[3])),
        (regressed(), regressed(shape=[8, 3])),
        (convolved(padding="valid"), convolved(padding=0)),
        (with_loss(weight=[1, 0.5, 2]), with_loss(weight=[1.0, 0.5, 2.0])),
        (with_loss(weight=None), TRAINED),
        (enlarged(scale_factor=2), enlarged(scale_factor=[2, 2.0])),
        (enlarged(size=9), enlarged(size=[9, 9])),
        (BARE, {**BARE, "input": {"init": {"kind": "normal", "std": 1.0}, "shape": [8, 4]}}),
        (
            encoded({"type": "LayerNorm", "normalized_shape": 4}),
            encoded({"type": "LayerNorm", "normalized_shape": [4], "eps": 1e-5}, dropout=0.1, bias=True),
        ),
        (
            with_layer(init={"weight": {"kind": "trunc_normal", "b": "inf"}}),
            with_layer(init={"weight": {"kind": "trunc_normal", "a": -2, "b": "Infinity"}}),
        ),
        (
            compared("zeros", "SGD", "float64", {"seed": 7}),
            compared(
                {"init": "zeros"}, {"optimizer": "SGD"}, {"dtype": "float64"}, {"seed": "7", "init": {}}
            ),
        ),
        (compared("zeros", "SGD"), compared({"kind": "zeros"}, {"optimizer": {"kind": "SGD"}})),
        *(
            (compared({"init": {"weight": one}}), compared({"init": {"weight": other}, "label": None}))
            for one, other in [
                ("zeros", {"kind": "zeros"}),
                ({"kind": "normal", "std": 2}, {"std": 2.0, "kind": "normal"}),
            ]
        ),
        (
            compared({"init": {"weight": "zeros", "bias": "ones"}, "seed": 3, "optimizer": "SGD"}),
            compared(
                {
                    "optimizer": {"kind": "SGD"},
                    "seed": "3",
                    "init": {"weight": {"kind": "zeros"}, "bias": {"kind": "ones"}},
                }
            ),
        ),
        (
            compared({"rules": [{"match": "**.bias", "init": "ones"}]}),
            compared({"rules": [{"init": {"kind": "ones"}, "type": None, "match": "**.bias"}]}),
        ),
        (
            compared(
                {"label": "a", "init": {"weight": "he_normal", "bias": "normal"}, "optimizer": "SGD"},
                {"label": "b", "rules": [{"match": "**.bias", "init": "normal"}]},
            ),
            compared(
                {
                    "init": {
                        "bias": {"kind": "normal", "std": 1},
                        "weight": {"kind": "kaiming_normal", "a": 0},
                    },
                    "label": "a",
                    "optimizer": {"lr": 0.001, "kind": "SGD"},
                },
                {"rules": [{"init": {"kind": "normal", "mean": 0}, "match": "**.bias"}], "label": "b"},
            ),
        ),
        ({**BARE, "calibrate": "lsuv"}, {**BARE, "calibrate": {"method": "LSUV", "init": "orthogonal"}}),
    ],
)
def test_one_token_for_one_meaning(one: Any, other: Any) -> None:
    assert encode_evaluation(read(one)) == encode_evaluation(read(other))


@pytest.mark.parametrize(
    "document",
    [
        {**BARE, "seed": 1},
        {**BARE, "input": {"data": [[0, 1, 2, 3]]}},
        with_layer(bias=False),
        with_rule(),
        with_rule(init="he_uniform"),
        convolved(kernel_size=[3, 2]),
        convolved(stride=2),
        pooled("MaxPool2d", stride=1),
        pooled("MaxPool2d", size=[2, 1], stride=2),
        with_target(class_axis=0, classes=8),
        with_layer(init="zeros"),
        {**BARE, "compare": ["zeros"]},
        {**BARE, "compare": [{"kind": "normal", "std": 1.0}]},
        {**BARE, "compare": [{"init": {"bias": "ones", "weight": "zeros"}}]},
        {**BARE, "compare": [{"init": {"weight": "zeros", "bias": "ones"}}]},
        {**BARE, "compare": [{"kind": "uniform", "b": 1, "a": 0}, {"kind": "uniform", "a": 0, "b": 1}]},
        {**BARE, "compare": [{"label": "zeros", "init": "zeros"}, {"label": "b", "seed": 1}]},
        {**BARE, "calibrate": {"method": "lsuv", "tolerance": 0.1}},
        TRAINED,
        {**TRAINED, "optimizer": {"kind": "SGD", "lr": 0.1}},
    ],
)
def test_another_meaning_has_another_token(document: Any) -> None:
    token = encode_evaluation(read(document))
    assert token is not None
    assert token != encode_evaluation(read(BARE))
    again = decode_evaluation(token, LIMITS)
    assert [one.label for one in again.variants] == [one.label for one in read(document).variants]


def test_what_is_too_long_has_none() -> None:
    data = [[index / 7 for index in range(4)] for _ in range(200)]
    assert encode_evaluation(read({**BARE, "input": {"data": data}})) is None
    assert encode_evaluation(read({**BARE, "return_weights": True})) is None


@pytest.mark.parametrize("text", ["{}", "[]", "x", json.dumps(BARE), json.dumps({**BARE, "layers": []})])
def test_anything_else_is_unknown(text: str) -> None:
    for token in (forge(text), forge(text)[:-1], "e1.", "", "s1." + forge(text)[3:]):
        with pytest.raises(UnknownNameError, match="POST the evaluation"):
            decode_evaluation(token, LIMITS)
