"""Parts in specs: one recipe for one meaning, fans, faults, torch."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

import tensorseed
from tensorseed.errors import SpecError
from tensorseed.files.virtual_file import open_file
from tensorseed.spec import lint
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes.parts import MAX_PARTS, MAX_REPEATED
from tensorseed.spec.spec import parse_query, parse_spec
from tests.tensorseed.draws import tensor_arrays
from tests.tensorseed.spec.test_spec import parse, tensor

ZEROS, NORMAL = {"init": "zeros"}, {"init": "normal"}


def parts(*listed: Any, **fields: Any) -> dict[str, Any]:
    return {"kind": "parts", "parts": list(listed), **fields}


def recipe(init: Any, *shape: int, **fields: Any) -> Any:
    """The init of the recipe."""
    return json.loads(parse(tensor(init=init, shape=list(shape), **fields)).recipe)["layers"][0]["init"]


def values(init: Any, *shape: int, **fields: Any) -> np.ndarray:
    ((_, found),) = tensor_arrays(open_file(parse(tensor(init=init, shape=list(shape), **fields))))
    return found


def faults(init: Any, *shape: int, **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        parse(tensor(init=init, shape=list(shape), **fields))
    return [(fault.pointer.removeprefix("/layers/0/init"), fault.detail) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("init", "found"),
    [
        (parts({**NORMAL, "repeat": 4}), parts({**NORMAL, "repeat": 4, "size": 2})),
        (parts(*[{**NORMAL, "size": 2}] * 4), parts({**NORMAL, "repeat": 4, "size": 2})),
        (parts(*[{**NORMAL, "size": 2}] * 3, NORMAL), parts({**NORMAL, "repeat": 4, "size": 2})),
        (parts(ZEROS, {**NORMAL, "size": 2}), parts({**ZEROS, "size": 6}, {**NORMAL, "size": 2})),
        (
            parts({**ZEROS, "size": 1, "repeat": 3}, {**ZEROS, "size": 2, "copies": 2}, NORMAL, axis=-2),
            parts({**ZEROS, "size": 5}, {**NORMAL, "size": 3}),
        ),
        (
            parts({"init": {"kind": "he_normal"}, "copies": 4}),
            parts({"init": "kaiming_normal", "size": 8, "copies": 4}),
        ),
        (parts({**NORMAL, "size": 1}, NORMAL), parts({**NORMAL, "size": 1}, {**NORMAL, "size": 7})),
        (parts(NORMAL), "normal"),
        (parts({"init": "glorot_normal", "size": 8, "repeat": 1, "copies": 1}), "xavier_normal"),
        (parts(ZEROS, {**ZEROS, "size": 3}), "zeros"),
        (parts({**ZEROS, "copies": 8}), "zeros"),
        (
            parts({**ZEROS, "size": 2}, NORMAL, axis=-1),
            parts({**ZEROS, "size": 2}, {**NORMAL, "size": 2}, axis=1),
        ),
        (
            parts(
                {"init": {"kind": "constant", "value": 0.0}},
                {"size": 1, "init": {"kind": "constant", "value": -0.0}},
            ),
            parts({**ZEROS, "size": 7}, {"init": {"kind": "constant", "value": -0.0}, "size": 1}),
        ),
        (parts({**ZEROS, "size": 3}, {"init": {"kind": "constant", "value": 0}}), "zeros"),
        (parts({"init": {"kind": "logit", "p": 0.5}}, {**ZEROS, "size": 3}), "zeros"),
        (parts({"init": "ones", "size": 3}, {"init": {"kind": "constant", "value": 1.0}}), "ones"),
        (
            parts({"size": 3, "init": {"kind": "constant", "value": 0}}, NORMAL),
            parts({**ZEROS, "size": 3}, {**NORMAL, "size": 5}),
        ),
        (parts({"init": {"kind": "constant", "value": 0}}), {"kind": "constant", "value": 0}),
    ],
    ids=str,
)
def test_one_meaning_has_one_recipe(init: Any, found: Any) -> None:
    assert recipe(init, 8, 4) == found
    assert str(recipe(init, 8, 4)) == str(recipe(found, 8, 4))
    assert np.array_equal(values(init, 8, 4), values(found, 8, 4))


def test_a_query_and_a_layer_say_the_same() -> None:
    listed = [{"size": 2, "init": "zeros"}, {"init": "ones"}]
    query = parse_query({"shape": "6", "init": "parts", "parts": json.dumps(listed), "axis": "-1"}, Limits())
    assert query.recipe == parse(tensor(init=parts(*listed), shape=[6])).recipe.replace('"w"', '"weight"')
    layer = {"name": "w", "type": "LSTM", "input_size": 2, "hidden_size": 3}
    whole = parse({**layer, "init": {"bias_hh_l0": parts(*[{**ZEROS, "size": 3}] * 4)}})
    assert whole.recipe == parse({**layer, "init": {"bias_hh_l0": "zeros"}}).recipe
    uniform = {"kind": "uniform", "a": -1 / math.sqrt(3), "b": 1 / math.sqrt(3)}
    assert parse({**layer, "init": {"bias_hh_l0": parts({"init": uniform})}}).recipe == parse(layer).recipe


def test_fans_are_those_of_the_part() -> None:
    fused = values(parts({"init": "xavier_uniform", "repeat": 3}), 300, 100)
    assert np.abs(fused).max() == pytest.approx((6 / 200) ** 0.5, rel=1e-3)
    kernels = values(parts({"init": "lecun_uniform", "copies": 4}), 64, 16, 3, 3)
    assert np.abs(kernels).max() == pytest.approx((3 / 144) ** 0.5, rel=1e-2)
    axes = {"fan_axes": {"in": -1, "out": -2}}
    experts = values(parts({"size": 1, "init": "xavier_uniform", "repeat": 8}), 8, 50, 150, **axes)
    assert np.abs(experts).max() == pytest.approx((6 / 200) ** 0.5, rel=1e-3)


GROUPED = {"name": "c", "type": "Conv2d", "in_channels": 4, "out_channels": 8, "kernel_size": 3, "groups": 4}


def grouped(init: Any, **fields: Any) -> Any:
    """The weight of a grouped convolution."""
    given = {"init": {"weight": init}} if init else {}
    found = tensor_arrays(open_file(parse({**GROUPED, **given}, **fields)))
    return next(array for tensor, array in found if tensor.name == "c.weight")


def test_an_identity_has_the_groups_of_its_part() -> None:
    whole = np.zeros((8, 1, 3, 3), np.float32)
    whole[::2, 0, 1, 1] = 1
    np.testing.assert_array_equal(grouped("eye"), whole)
    np.testing.assert_array_equal(grouped(parts({"init": "eye"})), whole)
    np.testing.assert_array_equal(grouped(parts({"init": "eye", "repeat": 2})), whole)
    np.testing.assert_array_equal(
        grouped(None, rules=[{"match": "**.weight", "init": parts({"init": "eye"})}]), whole
    )
    along = parts({"size": 1, "init": "zeros"}, {"size": 2, "init": "eye"}, axis=2)
    assert grouped(along)[:, 0, 2, 1].tolist() == [1, 0, 1, 0, 1, 0, 1, 0]
    some = grouped(parts({"size": 2, "init": "ones"}, {"size": 6, "init": {"kind": "eye", "gain": 3}}))
    np.testing.assert_array_equal(some[2:], 3 * whole[2:])
    spelled = {"size": 6, "init": {"kind": "dirac", "groups": 3, "gain": 3}}
    written, meant = (
        {**GROUPED, "init": {"weight": parts({"size": 2, "init": "ones"}, one)}}
        for one in ({"init": {"kind": "eye", "gain": 3}}, spelled)
    )
    assert parse(written).recipe == parse(meant).recipe
    single = {**GROUPED, "init": {"weight": parts({"init": "eye"})}}
    assert parse(single).recipe == parse({**GROUPED, "init": {"weight": "eye"}}).recipe


def test_a_part_that_divides_a_group_has_no_identity() -> None:
    init = parts({"size": 3, "init": "zeros"}, {"init": "eye"})
    with pytest.raises(SpecError) as caught:
        parse({**GROUPED, "init": {"weight": init}})
    [fault] = caught.value.faults
    assert fault.pointer == "/layers/0/init/weight/parts/1/init"
    assert "a group has 2 outputs, and this part draws 5" in fault.detail


def test_orthogonal_by_gate() -> None:
    gates = values(parts({"init": "orthogonal", "repeat": 4}), 64, 16).reshape(4, 16, 16)
    for gate in gates:
        assert np.allclose(gate @ gate.T, np.eye(16), atol=1e-6)
    assert not np.allclose(gates[0], gates[1], atol=0.1)


def test_icnr_upsamples_by_nearest_neighbours() -> None:
    weight = torch.tensor(values(parts({"init": "kaiming_normal", "copies": 4}), 8, 3, 3, 3))
    signal = torch.ones(1, 3, 5, 5, dtype=torch.float64).cumsum(3)
    found = torch.pixel_shuffle(torch.conv2d(signal, weight), 2)
    small = torch.conv2d(signal, weight[::4])
    assert torch.equal(found, small.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_a_part_keeps_its_numbers_whatever_stands_around_it() -> None:
    one = values(parts({**ZEROS, "size": 2}, {**NORMAL, "size": 3}, {"init": "ones"}), 8, 4)
    other = values(parts({"init": "uniform", "size": 2}, {**NORMAL, "size": 3}), 5, 4)
    assert np.array_equal(one[2:5], other[2:5])


def test_whole_numbers_literals_and_padding() -> None:
    integers = parts({"size": 1, "init": "zeros"}, {"init": {"kind": "values", "data": [4, 5]}})
    assert values(integers, 3, dtype="int64").tolist() == [0, 4, 5]
    padded = values(parts({"size": 2, "init": "ones"}, NORMAL), 4, 2, padding_idx=1)
    assert padded[:2].tolist() == [[1, 1], [0, 0]]
    written = [{"size": 3, "init": {"kind": "values", "data": [number] * 3}} for number in (1, 2)]
    many = parts({**ZEROS, "size": 6}, *written)
    with pytest.raises(SpecError, match="6 literal numbers"):
        parse_spec(json.dumps({"layers": [tensor(init=many, shape=[12])]}).encode(), Limits(values=5))


def test_no_elements() -> None:
    assert values(parts({"size": 1, "init": "xavier_normal"}, ZEROS), 3, 0).size == 0


@pytest.mark.parametrize(
    ("init", "pointer", "detail"),
    [
        (parts({**ZEROS, "size": 6}), "/parts", "have the size 6 together, and axis 0 has 8: change"),
        (parts({**ZEROS, "size": 9}, NORMAL), "/parts/1", "the others have the size 9, and axis 0 has 8"),
        (parts(ZEROS, NORMAL), "/parts/1/size", "only one part may leave its size out"),
        (parts({**NORMAL, "repeat": 3}), "/parts/0/repeat", "repeat must divide the size 8"),
        (parts({**NORMAL, "copies": 3}), "/parts/0/copies", "copies must divide the part's size, 8, 3 does"),
        (parts(NORMAL, axis=2), "/axis", "2 dimensions have the axes -2 to 1"),
        (parts({**NORMAL, "size": 0}), "/parts/0/size", "size must be at least 1"),
        (parts({"init": "nrmal"}), "/parts/0/init", "did you mean normal?"),
        (
            parts(NORMAL, {"init": {"kind": "normal", "std": -1}}),
            "/parts/1/init/std",
            "std must be at least 0",
        ),
        (parts({"init": {"kind": "normal", "std": 1e300}}), "/parts/0/init/std", "overflow float32"),
        (parts({"init": "sparse", "size": 3}), "/parts/0/init", "sparse needs sparsity"),
        (parts({"init": {"kind": "values", "data": [1]}}), "/parts/0/init/data", "the shape [1]"),
        (parts({"init": parts(ZEROS)}), "/parts/0/init", "a part's init cannot be parts"),
        (parts({"init": "parts"}), "/parts/0/init", "a part's init cannot be parts"),
        (parts({**ZEROS, "repat": 2}), "/parts/0/repat", "did you mean repeat?"),
        (parts({"size": 8}), "/parts/0/init", "init is required"),
        (parts("zeros"), "/parts/0", "a part must be an object"),
        (parts(), "/parts", "from 1 to 1,024 parts"),
        (parts(*[ZEROS] * (MAX_PARTS + 1)), "/parts", "at most 1,024 elements, this one has 1,025"),
        ("parts", "", "parts needs parts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_points_at_its_part(init: Any, pointer: str, detail: str) -> None:
    ((path, sentence),) = faults(init, 8, 4)
    assert path == pointer
    assert detail in sentence


def test_what_costs_too_much_is_refused() -> None:
    ((path, sentence),) = faults(parts({"size": 1, "repeat": MAX_REPEATED + 1, **NORMAL}), MAX_REPEATED + 1)
    assert path == "/parts"
    assert "at most 16,384 parts" in sentence
    ((_, sentence),) = faults(parts({"init": "orthogonal", "repeat": 4}, axis=1), 16_384, 16_384)
    assert "before the first element" in sentence
    assert recipe(parts({"init": "orthogonal", "repeat": 4}), 16_384, 16_384)["parts"][0]["size"] == 4_096
    crowded = [{"size": 1, "init": {"kind": "normal", **{f"x{i}": 1 for i in range(60)}}}] * MAX_PARTS
    assert len(faults(parts(*crowded), MAX_PARTS)) <= 60


def test_warnings_are_those_of_the_parts() -> None:
    init = parts(
        {"size": 4, "init": {"kind": "constant", "value": 100}}, {"init": {"kind": "normal", "std": 1e-3}}
    )
    assert lint.warnings(parse(tensor(init=init, shape=[8, 4], dtype="bfloat16"))) == []
    tiny = parts(
        {"size": 4, "init": "ones"}, {"size": 1, "init": {"kind": "normal", "std": 1e-9}, "repeat": 4}
    )
    found = lint.warnings(parse(tensor(init=tiny, shape=[8, 4], dtype="float16")))
    assert [warning["code"] for warning in found] == ["underflow"]
    slopes = {"kind": "kaiming_normal", "nonlinearity": "tanh"}
    found = lint.warnings(
        parse(tensor(init=parts({"init": slopes, "size": 3}, {"init": slopes}), shape=[8, 4]))
    )
    assert [warning["code"] for warning in found] == ["saturating_nonlinearity"]
    equal = lint.warnings(parse(tensor(init=parts({**NORMAL, "copies": 8}), shape=[8, 4])))
    assert [warning["code"] for warning in equal] == ["symmetric_rows"]


def test_the_plan_lists_the_parts() -> None:
    init = parts({"size": 2, "init": {"kind": "values", "data": [1, 2]}}, {"init": "ones", "copies": 2})
    row = tensorseed.open({"layers": [tensor(init=init, shape=[8])]}).plan()["tensors"][0]
    assert row["init"]["parts"][0] == {"size": 2, "repeat": 1, "copies": 1, "init": {"kind": "values"}}
    assert row["mean"] == pytest.approx(9 / 8)


@pytest.mark.parametrize("axis", [0, 1])
def test_torch_fills_the_slices_in_order(axis: int) -> None:
    init = parts(
        {"size": 4, "init": "normal", "repeat": 2}, {"init": "xavier_uniform", "copies": 2}, axis=axis
    )
    spec = {"seed": 5, "generator": "torch", "layers": [tensor(init=init, shape=[12, 12])]}
    found = tensorseed.open(spec)["w"][...]
    torch.manual_seed(5)
    expected = torch.empty(12, 12)
    torch.nn.init.normal_(expected.narrow(axis, 0, 4))
    torch.nn.init.normal_(expected.narrow(axis, 4, 4))
    once = torch.nn.init.xavier_uniform_(torch.empty(2, 12) if axis == 0 else torch.empty(12, 2))
    expected.narrow(axis, 8, 4).copy_(once.repeat_interleave(2, axis))
    assert np.array_equal(found, expected.numpy())


@pytest.mark.parametrize(
    ("init", "shape", "detail"),
    [
        (parts({"init": "lecun_normal", "size": 3}, ZEROS), [8, 4], "torch has no lecun_normal"),
        (parts({"init": "orthogonal", "size": 3}, ZEROS, axis=1), [8, 4, 2], "no slice in several pieces"),
    ],
)
def test_what_torch_cannot_do_is_refused(init: Any, shape: list[int], detail: str) -> None:
    ((path, sentence),) = torch_faults(init, shape)
    assert path == "/layers/0/init/parts/0/init"
    assert detail in sentence


def torch_faults(init: Any, shape: list[int]) -> list[tuple[str, str]]:
    spec = {"generator": "torch", "layers": [tensor(init=init, shape=shape)]}
    with pytest.raises(SpecError) as caught:
        parse_spec(json.dumps(spec).encode(), Limits())
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]
