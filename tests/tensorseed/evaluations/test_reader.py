"""Reading of evaluations: faults with pointers, bounds before computing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorseed.errors import DeviceError, EvaluationError, SpecError, TooLargeError, VersionError
from tensorseed.evaluations import evaluate, read_evaluation
from tensorseed.evaluations.graph import MAX_LAYERS
from tensorseed.spec.limits import Limits
from tests.tensorseed.evaluations.cases import faults, read, report

MLP: dict[str, Any] = {
    "layers": [
        {"name": "fc1", "type": "Linear", "in_features": 8, "out_features": 16},
        {"type": "ReLU"},
        {"name": "fc2", "type": "Linear", "in_features": 16, "out_features": 3},
    ],
    "input": {"shape": [6, 8], "init": "normal"},
    "target": {"classes": 3},
    "loss": "cross_entropy",
    "optimizer": "SGD",
    "steps": 2,
}


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """The network with one thing changed; with ... it is left out."""
    document: Any = copy.deepcopy(MLP)
    inner = document
    for part in path[:-1]:
        inner = inner[part]
    if to is ...:
        del inner[path[-1]]
    elif isinstance(inner, list) and path[-1] == len(inner):
        inner.append(to)
    else:
        inner[path[-1]] = to
    found: dict[str, Any] = document
    return found


def test_what_is_changed_was_sound() -> None:
    assert faults(MLP) == {}


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        (changed("layers", 2, "in_features", to=17), "/layers/2", "has in_features 17 and gets 16, from an"),
        (changed("input", "shape", to=[6, 9]), "/layers/0", "fc1 (Linear) has in_features 8 and gets 9"),
        (changed("input", "shape", to=[]), "/layers/0", "at least 1 dimensions"),
        (changed("layers", 1, "type", to="Relux"), "/layers/1/type", "did you mean ReLU"),
        (changed("layers", 1, "type", to="Bilinear"), "/layers/1/type", "it takes two inputs"),
        (changed("layers", 1, "type", to="MaxUnpool2d"), "/layers/1/type", "it takes two inputs"),
        (changed("layers", 1, "type", to="ModuleList"), "/layers/1/type", "it is a container"),
        (changed("layers", 1, "type", to="Tensor"), "/layers/1/type", "it is a bare tensor"),
        (changed("layers", 1, "type", to=7), "/layers/1/type", "type is required"),
        (changed("layers", 1, to={"kind": "ReLU"}), "/layers/1/kind", "kind is called type here"),
        (changed("layers", 1, to="ReLU"), "/layers/1", "must be an object"),
        (changed("layers", 1, "name", to="a{"), "/layers/1/name", "braces"),
        (changed("layers", 1, "name", to="fc1"), "/layers/1/name", "both called fc1"),
        (changed("layers", 2, "name", to="fc1"), "/layers/2/name", "yielded by layers 0 and 2"),
        (changed("layers", 2, "name", to=...), "/layers/2/name", "name is required"),
        (changed("layers", 2, "out_features", to="3"), "/layers/2/out_features", "must be an integer"),
        (changed("layers", 2, "init", to={"weight": "he"}), "/layers/2/init/weight", "unknown scheme"),
        (changed("layers", 2, "fan_axes", to={"in": 1}), "/layers/2/fan_axes", "belongs to a Tensor"),
        (changed("layers", 2, "out_features", to=0), "/layers/2", "its weight has no elements"),
        (changed("layers", 2, "dtype", to="float64"), "/layers/2/dtype", "share its dtype"),
        (changed("layers", to=[]), "/layers", "at least one layer"),
        (changed("compare", to=[None]), "/compare/0", "a variant is an init, an optimizer or a dtype"),
        (changed("compare", to=[3]), "/compare/0", 'such as {"seed": 7}'),
        (changed("calibrate", to=True), "/calibrate", 'calibrate is a method, "lsuv"'),
        (changed("layers", to={}), "/layers", "must be a list"),
        (changed("layers", to=...), "/layers", "required"),
        (changed("seed", to=-1), "/seed", "from 0 to"),
        (changed("dtype", to="float8_e5m2"), "/dtype", "computed in float64, float32"),
        (changed("dtype", to="int8"), "/dtype", "must be one of"),
        (changed("inputs", to=1), "/inputs", "did you mean input"),
        (changed("steps", to=-1), "/steps", "at least 0"),
        (changed("steps", to=1.5), "/steps", "integer"),
        (changed("smoothing", to=1.0), "/smoothing", "less than 1"),
        (changed("training", to="no"), "/training", "true or false"),
        (changed("input", to=...), "/input", "required"),
        (changed("input", to=[]), "/input", "must be an object"),
        (changed("input", "init", to=...), "/input", "needs one of data"),
        (changed("input", "shape", to=...), "/input/shape", "required"),
        (changed("input", "shape", 0, to=0), "/input/shape", "at least 1"),
        (changed("input", "shape", 0, to=-1), "/input/shape/0", "at least 0"),
        (changed("input", "init", to="norma"), "/input/init", "did you mean normal"),
        (changed("input", "init", to={"kind": "normal", "std": -1}), "/input/init/std", "at least 0"),
        (changed("input", "data", to=[[1.0]]), "/input", "needs one of data"),
        (changed("input", to={"data": [[1, 2], [3]]}), "/input/data/1", "length 1"),
        (changed("input", to={"data": [[1, "nan"]]}), "/input/data/0/1", "must be a number"),
        (changed("input", to={"data": [[1, True]]}), "/input/data/0/1", "must be a number"),
        (changed("input", to={"data": []}), "/input/data", "no elements"),
        (changed("input", to={"data": [[1]], "shape": [1, 1]}), "/input/shape", "leave shape out"),
        (changed("input", to={"shape": [6, 8], "classes": 4}), "/layers/0", "put an Embedding before it"),
        (changed("target", to=...), "/target", "target is required"),
        (changed("target", "classes", to=0), "/target/classes", "at least 1"),
        (changed("target", "classes", to=4), "/target/classes", "classes is 4 and the output [6, 3] has 3"),
        (changed("target", "classes", to=2), "/target/classes", "classes is 2 and the output [6, 3] has 3"),
        (changed("target", "class_axis", to=2), "/target/class_axis", "the axes -2 to 1"),
        (changed("target", "class_axis", to="last"), "/target/class_axis", "integer"),
        (changed("input", "class_axis", to=1), "/input/class_axis", "unknown field"),
        (changed("target", to={"data": [0, 1, 2, 0, 1, 3]}), "/target/data/5", "3"),
        (changed("target", to={"data": [0, 1, 2]}), "/target", "(3,)"),
        (changed("target", to={"data": [0, 1, 2, 0, 1, 0.5]}), "/target/data/5", "integer"),
        (changed("loss", to="crossentropy"), "/loss", "did you mean cross_entropy"),
        (changed("loss", to={"kind": "ctc_loss"}), "/loss/kind", "takes log_probs"),
        (changed("loss", to={"name": "mse_loss"}), "/loss/name", "name is called kind here"),
        (changed("loss", to={"reduction": "sum"}), "/loss/kind", "required"),
        (changed("loss", to={"kind": "cross_entropy", "smoothing": 1}), "/loss/smoothing", "unknown field"),
        (changed("loss", to={"kind": "cross_entropy", "reduction": "none"}), "/loss/reduction", "one number"),
        (changed("loss", to={"kind": "cross_entropy", "weight": [1.0]}), "/loss/weight", "(3,)"),
        (changed("loss", to={"kind": "cross_entropy", "label_smoothing": 2}),
         "/loss/label_smoothing", "at most 1"),
        (changed("loss", to="binary_cross_entropy"), "/target/classes", "probabilities"),
        (changed("loss", to=...), "/loss", "steps need a loss"),
        (changed("compare", to={}), "/compare", "must be a list"),
        (changed("compare", to=[1]), "/compare/0", "a variant is an init"),
        (changed("compare", to=["xavier_norm"]), "/compare/0", "did you mean xavier_normal"),
        (changed("compare", to=["adamm"]), "/compare/0", "did you mean Adam"),
        (changed("compare", to=[{"kind": "adamm"}]), "/compare/0/kind", "did you mean Adam"),
        (changed("compare", to=[{"kind": "SGD", "lr": -1}]), "/compare/0/lr", "at least 0"),
        (changed("compare", to=[{"kind": "SGD", "std": 1}]), "/compare/0/std", "unknown field"),
        (changed("compare", to=[{"kind": "frobnicate"}]), "/compare/0/kind", "the optimizers are SGD, "),
        (changed("compare", to=["frobnicate"]), "/compare/0", "valid are zeros, "),
        (changed("compare", to=[{"kind": 3}]), "/compare/0/kind", "unknown scheme"),
        (changed("compare", to=["zeros", "zeros"]), "/compare/1/label", "both called zeros"),
        (changed("compare", to=["dirac"]), "/compare/0", "kernel"),
        (changed("compare", to=["constant"]), "/compare/0", "constant needs value"),
        (changed("compare", to=[{"kind": "normal", "std": -1}]), "/compare/0/std", "at least 0"),
        (changed("compare", to=[{"init": {"kind": "normal", "std": -1}}]), "/compare/0/init/std",
         "at least 0"),
        (changed("compare", to=[{"init": 3}]), "/compare/0/init", "an object of at most 16 inits"),
        (changed("compare", to=[{}] * 17), "/compare", "at most 16 variants"),
        (changed("compare", to=[{"seed": 1}, {"seed": 1}]), "/compare/1/label", "both called seed 1"),
        (changed("compare", to=[{"lable": "a"}]), "/compare/0/lable", "did you mean label"),
        (changed("compare", to=[{"init": {"kernel": "zeros"}}]), "/compare/0/init/kernel", "weight"),
        (changed("compare", to=[{"init": {"weight": "he"}}]), "/compare/0/init/weight", "unknown scheme"),
        (changed("compare", to=[{"init": {"weight": {"kind": "normal", "std": "a"}}}]),
         "/compare/0/init/weight/std", "must be a number"),
        (changed("compare", to=[{"init": "zero"}]), "/compare/0/init", "did you mean zeros"),
        (changed("compare", to=[{"init": None}]), "/compare/0/init", "must be an object"),
        (changed("compare", to=[{"init": []}]), "/compare/0/init", "must be an object"),
        (changed("compare", to=[{"init": {"weight": [None]}}]), "/compare/0/init/weight", "scheme"),
        (changed("compare", to=[{"init": {"x": [None]}}]), "/compare/0/init/x", "unknown parameter"),
        (changed("compare", to=[{"init": {"weight": None}}]), "/compare/0/init/weight", "scheme"),
        (changed("compare", to=[{"dtype": "float8_e5m2"}]), "/compare/0/dtype", "computed in"),
        (changed("compare", to=[{"optimizer": "adamm"}]), "/compare/0/optimizer", "did you mean Adam"),
        (changed("compare", to=[{"optimizer": {"kind": "Adam", "lr": -1}}]),
         "/compare/0/optimizer/lr", "at least 0"),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_place(document: dict[str, Any], pointer: str, words: str) -> None:
    found = faults(document)
    assert pointer in found, found
    assert words in found[pointer]


def test_several_faults_are_told_together() -> None:
    document = changed("layers", 1, "type", to="relux")
    document["seed"] = "x"
    document["optimizer"] = "sgdd"
    document["layers"][2]["in_features"] = -1
    assert set(faults(document)) == {"/layers/1/type", "/seed", "/optimizer", "/layers/2/in_features"}


def test_a_generator_that_lacks_an_init_is_blamed_on_the_variant_that_asks_for_it() -> None:
    document = changed("layers", 0, "init", to={"weight": "lecun_normal"})
    document["compare"] = [{"generator": "torch"}]
    assert "torch has no lecun_normal" in faults(document)["/compare/0/generator"]


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b'{"layers": NaN}', b"\xff", b"[" * 10_000])
def test_what_is_no_object_is_a_fault(body: bytes) -> None:
    with pytest.raises(EvaluationError):
        read_evaluation(body, Limits())


def test_integers_go_to_tables_only() -> None:
    table = {"name": "t", "type": "Embedding", "num_embeddings": 5, "embedding_dim": 2}
    assert "takes integers" not in str(faults({"layers": [table], "input": {"data": [[0, 4]]}}))
    assert "/input/init" in faults({"layers": [table], "input": {"shape": [2], "init": "normal"}})
    assert "num_embeddings 5" in faults({"layers": [table], "input": {"data": [[0, 5]]}})["/input/data"]
    assert "num_embeddings 5" in faults({"layers": [table], "input": {"data": [[0, -1]]}})["/input/data"]
    found = faults({"layers": [table], "input": {"shape": [2, 2], "classes": 6}})
    assert "num_embeddings 5" in found["/input/classes"]
    assert "integer" in faults({"layers": [table], "input": {"data": [[0, 0.5]]}})["/input/data/0/1"]
    later = [{"name": "fc", "type": "Linear", "in_features": 2, "out_features": 2}, table]
    found = faults({"layers": later, "input": {"shape": [2, 2], "init": "normal"}})
    assert "takes integers" in found["/layers/1"]


def test_the_output_is_called_so() -> None:
    asked = {**MLP, "loss": "mse_loss", "target": {"shape": [6, 2], "init": "normal"}}
    detail = "target has the shape (6, 2) and the output the shape (6, 3): give both the same"
    assert faults(asked) == {"/target": f"{detail}, nothing is broadcast"}


def test_probabilities_are_for_binary_cross_entropy() -> None:
    document = changed("loss", to="binary_cross_entropy")
    document["target"] = {"init": {"kind": "uniform", "a": 0, "b": 1}}
    assert "binary_cross_entropy_with_logits" in faults(document)["/loss"]
    document["layers"].append({"type": "Sigmoid"})
    assert faults(document) == {}
    document["target"] = {"init": "normal"}
    assert any(pointer.startswith("/target") for pointer in faults(document))


@pytest.mark.parametrize(
    ("document", "limits", "words"),
    [
        (MLP, Limits(parameters=100), "the network has 195 parameters and buffers, the limit is 100"),
        (changed("compare", to=[{"seed": 1}, {"seed": 2}]), Limits(parameters=300), "2 variants have 390"),
        (
            MLP,
            Limits(activations=100),
            r"192 elements .* up to 1.ReLU \(ReLU\), the limit is 100 \(activations\)",
        ),
        (MLP, Limits(activations=40), "input holds 48 elements"),
        (changed("input", "shape", to=[1 << 40, 8]), Limits(), "input holds"),
        (MLP, Limits(steps=1), "steps is 2, the limit is 1"),
        (changed("input", to={"data": [[1.0] * 8] * 6}), Limits(loss_values=47), "48 numbers"),
        (MLP, Limits(evaluation_seconds=1e-9), r"a pass up to fc1 \(Linear\) may take .*evaluation_seconds"),
        (changed("layers", 1, "name", to="a{1..2000}"), Limits(), "the network has 2,002 layers"),
        (changed("layers", to=[{"type": "ReLU"}] * (MAX_LAYERS + 1)), Limits(), "1,025 layers"),
    ],
)
def test_bounds_are_named_before_anything_is_computed(
    document: dict[str, Any], limits: Limits, words: str
) -> None:
    with pytest.raises((TooLargeError, EvaluationError), match=words):
        read(document, limits)


def test_one_huge_layer_is_refused() -> None:
    layers = [{"name": "c", "type": "Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": 1024}]
    with pytest.raises(TooLargeError, match=r"a pass up to c \(Conv2d\) may take"):
        read({"layers": layers, "input": {"shape": [1, 1, 4096, 4096], "init": "normal"}})
    layers = [
        {"name": "a", "type": "MultiheadAttention", "embed_dim": 4, "num_heads": 2, "batch_first": True}
    ]
    with pytest.raises(TooLargeError, match="activations"):
        read({"layers": layers, "input": {"shape": [1, 1 << 20, 4], "init": "normal"}})


def test_devices_and_versions_that_are_not_here() -> None:
    with pytest.raises(DeviceError, match="it has: cpu"):
        read({**MLP, "device": "cuda:77"})
    with pytest.raises(VersionError):
        read({**MLP, "generator": "torch", "torch_version": "1.2.3"})


def test_nothing_to_train() -> None:
    document = {**MLP, "layers": [{"type": "ReLU"}], "input": {"shape": [6, 3], "init": "normal"}}
    assert "nothing to train" in faults(document)["/steps"]


def linear(name: str) -> dict[str, Any]:
    return {"name": name, "type": "Linear", "in_features": 4, "out_features": 4}


def names(*layers: dict[str, Any]) -> list[str]:
    found = report({"layers": list(layers), "input": {"shape": [2, 4], "init": "normal"}})
    return [layer.name for layer in found.layers]


def test_ranges_repeat_an_entry_in_its_place() -> None:
    assert names(linear("a"), linear("fc{1..3}"), {"type": "ReLU"}) == ["a", "fc1", "fc2", "fc3", "4.ReLU"]


def test_neighbours_that_begin_alike_repeat_as_a_block() -> None:
    act = {"name": "b.{0..1}.act", "type": "ReLU"}
    assert names(linear("b.{0..1}.fc"), act) == ["b.0.fc", "b.0.act", "b.1.fc", "b.1.act"]
    inner = [linear("b.{0..1}.fc{0..1}"), {"name": "b.{0..1}.fc{0..1}.act", "type": "ReLU"}]
    expected = ["b.0.fc0", "b.0.fc0.act", "b.0.fc1", "b.0.fc1.act", "b.0.end"]
    assert names(*inner, {"name": "b.{0..1}.end", "type": "Tanh"})[:5] == expected
    other = {"name": "c.{0..1}.act", "type": "ReLU"}
    assert names(linear("b.{0..1}.fc"), other) == ["b.0.fc", "b.1.fc", "c.0.act", "c.1.act"]


def test_a_given_name_can_be_that_of_a_place() -> None:
    assert faults({"layers": [{"type": "ReLU"}, {"type": "ReLU", "name": "0.ReLU"}],
                   "input": {"shape": [2, 4], "init": "normal"}}).keys() == {"/layers/1/name"}  # fmt: skip


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.sampled_from([0.5, -1e300, "normal", "zeros", "SGD", "", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "kind", "data", "x"]), inner)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in inner for found in places(part, (*path, key)))]


WHOLE: dict[str, Any] = {
    **MLP,
    "loss": {"kind": "cross_entropy", "label_smoothing": 0.1, "weight": [1, 2, 3]},
    "optimizer": {"kind": "Adam", "betas": [0.9, 0.99]},
    "compare": [
        {"label": "a", "init": {"weight": {"kind": "normal", "std": 0.1}}},
        {"seed": 3, "dtype": "float64"},
    ],
    "input": {"data": [[0.5] * 8, ["NaN"] * 8]},
    "seed": "12",
    "smoothing": 0.5,
}


@settings(max_examples=400)
@given(st.data())
def test_no_document_gives_another_error(data: st.DataObject) -> None:
    document = {"whole": copy.deepcopy(WHOLE)}
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from([p for p in places(document) if p]))
        inner: Any = document
        for part in path:
            inner = inner[part]
        if data.draw(st.booleans()):
            inner[last] = data.draw(JSON)
        elif path:
            del inner[last]
    try:
        evaluate(read_evaluation(json.dumps(document["whole"]).encode(), Limits(evaluation_seconds=5)))
    except (SpecError, TooLargeError) as error:
        for fault in getattr(error, "faults", ()):
            assert fault.pointer == "" or fault.pointer.startswith("/")
            assert "function-" not in fault.detail + fault.pointer
            assert "[" not in fault.pointer


def _network(layer: dict[str, Any], *shape: int, **members: Any) -> dict[str, Any]:
    return {"layers": [layer], "input": {"shape": list(shape), "init": "normal"}, **members}


ORTHOGONAL = {"weight": {"kind": "orthogonal"}}
LONG = {
    "pool": _network({"type": "AvgPool2d", "kernel_size": 31, "stride": 1}, 1, 1, 1_000, 1_000),
    "orthogonal": _network(
        {"name": "a", "type": "Linear", "in_features": 4_000, "out_features": 4_000, "init": ORTHOGONAL},
        1,
        4_000,
    ),
    "thin orthogonal": _network(
        {"name": "a", "type": "Linear", "in_features": 1_000, "out_features": 16_000, "init": ORTHOGONAL},
        *(1, 1_000),
    ),
    "comparisons": _network(
        {"name": "a", "type": "Linear", "in_features": 1, "out_features": 60_000},
        *(1, 1),
        loss="multilabel_margin_loss",
        target={"classes": 2},
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_evaluation_is_estimated_to_be_long(name: str) -> None:
    assert read(LONG[name]).seconds > 1


def test_a_short_evaluation_is_estimated_to_be_short() -> None:
    assert read(MLP).seconds < 0.1


def test_an_init_of_all_matrices_needs_a_matrix() -> None:
    document = _network({"name": "n", "type": "LayerNorm", "normalized_shape": [3, 4]}, 2, 3, 4)
    found = faults({**document, "compare": ["zeros", {"init": "ones"}]})
    assert list(found) == ["/compare/0", "/compare/1/init"]
    assert all("no layer has a matrix of weights" in detail for detail in found.values())


ZERO_BIASES = {"match": "**.bias", "init": "zeros"}


def ruled(rules: Any, **more: Any) -> dict[str, Any]:
    return {**MLP, "rules": rules, **more}


def test_rules_reach_the_layers_and_variants_have_their_own() -> None:
    spelled = changed("layers", 0, "init", to={"bias": "ones"})
    spelled["layers"][2]["init"] = {"bias": "ones"}
    rule = {"match": "bias", "init": "ones"}
    variants = [{"label": "same"}, {"rules": [ZERO_BIASES]}, {"rules": []}, {"init": {"bias": "zeros"}}]
    found = read(ruled([rule], compare=variants)).variants
    assert found[0].resolved == read(spelled).variants[0].resolved
    labels = ["same", "**.bias zeros", "no rules", "bias zeros"]
    assert [variant.label for variant in found] == labels
    zeros, defaults, own = (variant.resolved.recipe for variant in found[1:])
    assert zeros == own != defaults == read(MLP).variants[0].resolved.recipe


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        (ruled({}), "/rules", "rules must be a list"),
        (ruled([{"match": "["}]), "/rules/0/match", "close it by ]"),
        (ruled([{"match": "bias", "init": "eye"}]), "/rules/0/init", "the rule matches fc1.bias"),
        (ruled([], compare=[{"rules": None}]), "/compare/0/rules", "rules must be a list"),
        (ruled([], compare=[{"rules": [3]}]), "/compare/0/rules/0", "a rule must be an object"),
        (
            ruled([], compare=["zeros", {"rules": [{"match": "bias", "init": "eye"}]}]),
            "/compare/1/rules/0/init",
            "the rule matches fc1.bias",
        ),
    ],
)
def test_faults_of_rules(document: dict[str, Any], pointer: str, words: str) -> None:
    assert words in faults(document)[pointer]


def test_ranges_in_the_names_of_a_variants_inits() -> None:
    block = {"d_model": 4, "nhead": 2, "dim_feedforward": 6, "dropout": 0.0}
    encoder = {"name": "e", "type": "TransformerEncoder", "num_layers": 2, "encoder_layer": block}
    encoder["init"] = {"layers.{0..1}.linear1.weight": "ones"}
    network = {"layers": [encoder], "input": {"shape": [2, 3, 4], "init": "normal"}}
    ranged, single = {"layers.{0..1}.linear1.weight": "zeros"}, {"layers.1.linear1.weight": "zeros"}
    variants = read({**network, "compare": [{"init": ranged}, {"init": single}, {"seed": 1}]}).variants
    name = "e.layers.1.linear1.weight"
    kinds = [{one.name: one.scheme.kind for one in variant.resolved.tensors}[name] for variant in variants]
    assert kinds == ["zeros", "zeros", "ones"]
    key = "layers.{0..2}.linear1.weight"
    found = faults({**network, "compare": [{"init": {key: "zeros"}}]})
    assert "did you mean layers.1.linear1.weight?" in found[f"/compare/0/init/{key}"]
    malformed = faults({**network, "compare": [{"init": {"a.{1}": "zeros"}}]})
    assert "as in blocks" in malformed["/compare/0/init/a.{1}"]
    wrong = {"init": {"layers.{0..1}.linear1.bias": "eye"}}
    assert "/compare/0/init/layers.{0..1}.linear1.bias" in faults({**network, "compare": [wrong]})


def test_a_rule_without_use_is_a_warning_of_the_whole_network() -> None:
    found = report(ruled([ZERO_BIASES, {"type": "Conv2d", "init": "zeros"}])).warnings
    (unused,) = (warning for warning in found if warning.code == "unused_rule")
    assert (unused.layer, unused.level) == (None, "warning")
    assert unused.detail == "rule 1, type Conv2d, decided no tensor: correct it, or leave it out"


@pytest.mark.parametrize("rules", [None, {}, "zeros"])
def test_a_fault_is_said_once(rules: Any) -> None:
    with pytest.raises(EvaluationError) as raised:
        read({**MLP, "rules": rules})
    found = [(fault.pointer, fault.detail) for fault in raised.value.faults]
    assert found == [("/rules", "rules must be a list")]
