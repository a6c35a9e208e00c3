"""`fill_`: one tensor, whole or a part made by hand, in every surrounding."""

from __future__ import annotations

import doctest
import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

import tensorseed.torch as ts
from tensorseed.errors import SliceError, SpecError, TensorError
from tensorseed.spec.schemes import SCHEMES
from tensorseed.torch import fill
from tests.tensorseed.torch.fake_processes import LAYOUTS, process
from tests.tensorseed.torch.tensors import SEED, expected, same

SHAPE = [40, 30]


def filled(tensor: torch.Tensor, init: Any = "normal", **more: Any) -> torch.Tensor:
    return ts.fill_(tensor, init, name="w", seed=SEED, **more)


def test_the_docstring():
    results = doctest.testmod(fill, extraglobs={"torch": torch})
    assert results.attempted > 0
    assert results.failed == 0


def test_it_returns_the_tensor():
    tensor = torch.empty(SHAPE)
    assert filled(tensor) is tensor


@pytest.mark.parametrize(
    ("init", "parameters"),
    [
        ("kaiming_normal", {"mode": "fan_out", "nonlinearity": "tanh"}),
        ("normal", {"mean": 1, "std": np.float32(0.5)}),
        ("uniform", {"a": torch.tensor(-1.0), "b": 3}),
        ("constant", {"value": 0.1}),
        ("values", {"data": torch.arange(1200.0).view(40, 30)}),
        ("orthogonal", {}),
        ({"kind": "trunc_normal", "std": 0.02}, {}),
    ],
)
def test_an_init(init: Any, parameters: dict[str, Any]):
    plain = {name: getattr(value, "tolist", lambda v=value: v)() for name, value in parameters.items()}
    wanted = {"kind": init, **plain} if isinstance(init, str) else init
    assert same(filled(torch.empty(SHAPE), init, **parameters), expected(SHAPE, wanted))


def test_the_fields_of_a_bare_tensor():
    more = {"fan_axes": {"in": 0, "out": 1}, "padding_idx": -1}
    tensor = filled(torch.empty(SHAPE), "xavier_normal", **more)
    assert same(tensor, expected(SHAPE, "xavier_normal", **more))


def test_no_scheme_has_a_parameter_of_the_name_of_an_argument():
    taken = {"tensor", "init", "name", "seed", "global_shape", "offset", "fan_axes", "padding_idx"}
    assert not [name for scheme in SCHEMES.values() for name in taken & set(scheme.model_fields)]


def test_parts_made_by_hand():
    whole = expected([40, 30, 6], "kaiming_uniform")
    for cut in (
        (slice(10, 20),),
        (slice(0, 40), slice(7, 30)),
        (slice(3, 4), slice(0, 2), slice(1, 5)),
        (slice(9, 9),),
    ):
        wanted = whole[cut]
        offset = [part.start for part in cut] + [0] * (3 - len(cut))
        for part in (torch.empty(wanted.shape), torch.empty(tuple(wanted.shape)[::-1]).permute(2, 1, 0)):
            assert same(filled(part, "kaiming_uniform", global_shape=whole.shape, offset=offset), wanted)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"global_shape": (40, 30)}, "needs both"),
        ({"offset": (0, 0)}, "needs both"),
        (
            {"global_shape": (50, 30), "offset": (20, 0)},
            "40 elements from offset 20 on do not fit",
        ),
        ({"global_shape": (50, 30), "offset": (-1, 0)}, "from offset -1"),
        (
            {"global_shape": (50, 30), "offset": (0,)},
            "2 dimensions, offset 1 and the tensor 2",
        ),
        ({"global_shape": (50, 30), "offset": 2}, "offset is an integer for each dimension"),
        ({"global_shape": (50.0, 30), "offset": (0, 0)}, "global_shape is an integer for each"),
    ],
)
def test_parts_that_do_not_fit(more: dict[str, Any], sentence: str):
    with pytest.raises(SliceError, match=sentence):
        filled(torch.empty(SHAPE), **more)


@pytest.mark.parametrize(
    ("init", "more", "pointer", "sentence"),
    [
        ("normaal", {}, "init", "did you mean normal?"),
        ("normal", {"sdt": 1}, "sdt", "did you mean std?"),
        ("normal", {"std": "1"}, "std", "std must be a number"),
        ("normal", {"std": math.inf}, "std", "std must be a finite number"),
        ("constant", {}, "value", "value is required"),
        ("normal", {"std": {1}}, "std", "a value of type set"),
        ("normal", {"kind": "uniform"}, "init", "leave out kind"),
        ({"kind": "normal"}, {"std": 1}, "init", "leave out std"),
        (1, {}, "init", "a scheme's name"),
        ("normal", {"padding_idx": 40}, "padding_idx", "it has 40"),
        ("xavier_normal", {"fan_axes": {"in": 0, "out": 2}}, "fan_axes", "does not exist"),
    ],
)
def test_faults_have_the_sentences_of_the_service(init: Any, more: dict, pointer: str, sentence: str):
    with pytest.raises(SpecError) as raised:
        filled(torch.empty(SHAPE), init, **more)
    assert raised.value.faults[0].pointer == pointer
    assert sentence in raised.value.faults[0].detail


@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        ({"name": "w.{0..3}"}, "name"),
        ({"name": ""}, "name"),
        ({"name": 3}, "name"),
        ({"name": "w", "seed": -1}, "seed"),
        ({"name": "w", "seed": 1 << 64}, "seed"),
    ],
)
def test_names_and_seeds(arguments: dict[str, Any], pointer: str):
    with pytest.raises(SpecError) as raised:
        ts.fill_(torch.empty(3), "normal", **arguments)
    assert raised.value.faults[0].pointer == pointer


def quantized() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates them
        return torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8)


def nested() -> torch.Tensor:
    return torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)], layout=torch.jagged)


def inference() -> torch.Tensor:
    with torch.inference_mode():
        return torch.empty(4)


def fake() -> torch.Tensor:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        return torch.empty(4)


def resized(tensor: torch.Tensor, nbytes: int) -> torch.Tensor:
    tensor.untyped_storage().resize_(nbytes)
    return tensor


REFUSED = {
    "freed": (lambda: resized(torch.empty(4), 0), "freed or shrunk"),
    "shrunk": (lambda: resized(torch.empty(9), 16), "freed or shrunk"),
    "a view beyond the storage": (lambda: resized(torch.empty(9)[1:], 32), "freed or shrunk"),
    "columns beyond the storage": (lambda: resized(torch.empty(3, 3).T, 32), "freed or shrunk"),
    "meta": (lambda: torch.empty(4, device="meta"), "to_empty"),
    "lazy": (lambda: nn.LazyLinear(3).weight, "run a batch through it first"),
    "expanded": (lambda: torch.empty(1).expand(4), "share memory"),
    "overlapping": (lambda: torch.empty(9).as_strided((3, 3), (2, 1)), "share memory"),
    "sparse": (lambda: torch.eye(3).to_sparse(), "sparse_coo"),
    "quantized": (quantized, "quantized"),
    "nested": (
        lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)], layout=torch.jagged),
        "NestedTensor",
    ),
    "fake": (fake, "FakeTensor"),
    "inference": (inference, "inference_mode"),
    "int32": (lambda: torch.empty(4, dtype=torch.int32), "use one of float64, float32, float16"),
    "complex": (lambda: torch.empty(4, dtype=torch.complex64), "complex64"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_tensors_that_cannot_be_filled(kind: str):
    make, sentence = REFUSED[kind]
    with pytest.raises(TensorError, match=sentence):
        ts.fill_(make(), "normal", name="w")


def test_tensors_inside_transforms_are_refused():
    with pytest.raises(TensorError, match=r"torch\.func"):
        torch.func.vmap(lambda row: ts.fill_(row, "normal", name="w"))(torch.empty(3, 4))
    with pytest.raises(TensorError, match=r"torch\.func"):
        torch.func.functionalize(lambda one: ts.fill_(one, "normal", name="w"))(torch.empty(3, 4))


def test_what_is_no_tensor():
    with pytest.raises(TypeError, match="ndarray"):
        filled(np.empty(3))


@pytest.mark.parametrize("surrounding", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_gradient_modes(surrounding: Any):
    parameter = nn.Parameter(torch.empty(SHAPE))
    with surrounding():
        filled(parameter)
        drawn = filled(torch.empty(SHAPE))
    assert same(parameter, expected(SHAPE))
    assert same(drawn, expected(SHAPE))
    assert parameter.requires_grad
    assert parameter.grad_fn is None


def test_default_devices_and_dtypes():
    tensors = [torch.empty(SHAPE), torch.empty(SHAPE[::-1]).T]
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            for tensor in tensors:
                assert same(filled(tensor).clone(), expected(SHAPE).clone())
    finally:
        torch.set_default_dtype(torch.float32)


def test_flushed_subnormal_numbers_change_nothing():
    init = {"kind": "normal", "std": 1e-39}
    torch.set_flush_denormal(True)
    try:
        tensor = filled(torch.empty(SHAPE), init)
    finally:
        torch.set_flush_denormal(False)
    assert same(tensor, expected(SHAPE, init))
    assert tensor.count_nonzero() > 1_000


def test_autograd_notices_the_write():
    for parameter in (nn.Parameter(torch.ones(SHAPE)), nn.Parameter(torch.ones(SHAPE[::-1]).T)):
        loss = (parameter * parameter).sum()
        filled(parameter)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_the_random_state_is_untouched():
    before = torch.get_rng_state()
    for shape in (SHAPE, SHAPE[::-1]):
        filled(torch.empty(shape).T, "orthogonal")
        filled(torch.empty(shape), "sparse", sparsity=0.2)
    assert torch.equal(before, torch.get_rng_state())


def test_threads():
    shape = [400, 300]
    wanted = expected(shape)
    with ThreadPoolExecutor(4) as pool:
        tensors = [torch.empty(shape) if i % 2 else torch.empty(shape[::-1]).T for i in range(16)]
        assert all(same(tensor, wanted) for tensor in pool.map(filled, tensors))


@pytest.mark.parametrize(("mesh", "shape", "placements"), LAYOUTS, ids=str)
def test_shards_of_up_to_64_processes(mesh: tuple[int, ...], shape: tuple[int, ...], placements: tuple):
    init = "kaiming_normal" if len(shape) > 1 else "normal"
    whole = expected(list(shape), init)
    for rank in range(math.prod(mesh)):
        with process(rank, mesh) as devices:
            wanted = distribute_tensor(whole, devices, placements, src_data_rank=None)
            shard = distribute_tensor(torch.zeros(shape), devices, placements, src_data_rank=None)
            assert same(filled(shard, init).to_local(), wanted.to_local())


def test_a_dtensor_is_whole_by_itself():
    with process(0, (2,)) as mesh:
        shard = distribute_tensor(torch.zeros(4, 2), mesh, [Shard(0)], src_data_rank=None)
        with pytest.raises(SliceError, match="knows its whole"):
            filled(shard, global_shape=(4, 2), offset=(0, 0))


def test_a_dtensor_parameter():
    wanted = expected([5, 4])[3:]
    with process(1, (2,)) as mesh:
        parameter = nn.Parameter(distribute_tensor(torch.ones(5, 4), mesh, [Shard(0)], src_data_rank=None))
        loss = (parameter * parameter).to_local().sum()
        assert same(filled(parameter).to_local(), wanted)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
        with torch.inference_mode():
            filled(parameter)
            shard = distribute_tensor(torch.ones(5, 4), mesh, [Shard(0)], src_data_rank=None)
            assert same(filled(shard).to_local().clone(), wanted.clone())
        assert same(parameter.to_local(), wanted)
        assert parameter.requires_grad


def test_a_tensor_that_its_storage_just_holds_is_filled():
    tensor = resized(torch.empty(9)[1:5], 20)
    assert same(filled(tensor), expected([4]))


def test_a_dtensor_without_memory():
    with process(0, (2,)) as mesh:
        freed = DTensor.from_local(resized(torch.empty(3), 0), mesh, [Shard(0)], run_check=False)
        with pytest.raises(TensorError, match="freed or shrunk"):
            filled(freed)
        shard = DTensor.from_local(torch.empty(3, device="meta"), mesh, [Shard(0)], run_check=False)
        with pytest.raises(TensorError, match="to_empty"):
            filled(shard)
