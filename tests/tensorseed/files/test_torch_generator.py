"""Generator torch: plain PyTorch's bits, without effects on the process."""

from __future__ import annotations

import json
import math
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from tensorseed.concurrency.cancellation import ComputationCancelledError, cancellable
from tensorseed.errors import SpecError, TooLargeError
from tensorseed.files.elements import element_source
from tensorseed.files.torch_generator import _apply, materialise, seeded
from tensorseed.files.virtual_file import open_file, open_slice
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.torch_support import TORCH_KINDS

FLOATS = ["float64", "float32", "float16", "bfloat16"]
Tensors = dict[str, torch.Tensor]


def parts(spec: Any) -> Any:
    return parse_spec(json.dumps({"generator": "torch", **spec}).encode(), Limits())


def ours(spec: Any) -> dict[str, bytes]:
    """The bytes of each tensor of the file."""
    file = open_file(parts(spec))
    whole = element_source(file.resolved)
    return {e.tensor.name: file.read(e.start, e.stop, whole).tobytes() for e in file.entries()}


def theirs(tensors: Tensors) -> dict[str, bytes]:
    return {
        name: t.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        for name, t in tensors.items()
    }


def stack(kind: str, arguments: dict[str, Any], dtype: torch.dtype) -> torch.nn.Module:
    """The stacks of transformer layers take modules as arguments."""
    given, part = dict(arguments), "encoder_layer" if "Encoder" in kind else "decoder_layer"
    layer = getattr(torch.nn, kind + "Layer")(**given.pop(part), dtype=dtype)
    if norm := given.pop("norm", None):
        norm = dict(norm)
        given["norm"] = getattr(torch.nn, norm.pop("type"))(**norm, dtype=dtype)
    return getattr(torch.nn, kind)(layer, **given)


def module(kind: str, arguments: dict[str, Any], dtype: torch.dtype) -> torch.nn.Module:
    if kind in {"TransformerEncoder", "TransformerDecoder"}:
        return stack(kind, arguments, dtype)
    if kind == "LayerScale":
        scale = torch.nn.Module()
        scale.gamma = torch.nn.Parameter(torch.full((arguments["dim"],), 1e-5, dtype=dtype))
        return scale
    return getattr(torch.nn, kind)(**arguments, dtype=dtype)


def plain(seed: int, *modules: Callable[[], torch.nn.Module]) -> Tensors:
    """What plain PyTorch code gives: seed, then build. The entries are called m0, m1, …"""
    torch.manual_seed(seed)
    built = [build() for build in modules]
    return {f"m{i}.{name}": t for i, one in enumerate(built) for name, t in one.state_dict().items()}


HEADS: dict[str, Any] = {"d_model": 8, "nhead": 2, "dim_feedforward": 12}
LAYER_CASES: dict[str, list[dict[str, Any]]] = {
    "Linear": [{"in_features": 20, "out_features": 30}, {"in_features": 3, "out_features": 2, "bias": False}],
    "Bilinear": [{"in1_features": 5, "in2_features": 4, "out_features": 6}],
    "Conv1d": [{"in_channels": 4, "out_channels": 6, "kernel_size": 3, "groups": 2}],
    "Conv2d": [{"in_channels": 3, "out_channels": 5, "kernel_size": [3, 2]}],
    "Conv3d": [{"in_channels": 3, "out_channels": 5, "kernel_size": 2, "bias": False}],
    "ConvTranspose1d": [{"in_channels": 4, "out_channels": 6, "kernel_size": 3}],
    "ConvTranspose2d": [{"in_channels": 4, "out_channels": 6, "kernel_size": 3, "groups": 2}],
    "ConvTranspose3d": [{"in_channels": 4, "out_channels": 6, "kernel_size": 2}],
    "Embedding": [
        {"num_embeddings": 30, "embedding_dim": 7},
        {"num_embeddings": 9, "embedding_dim": 3, "padding_idx": -2},
    ],
    "EmbeddingBag": [{"num_embeddings": 30, "embedding_dim": 7, "padding_idx": 4}],
    "RNN": [{"input_size": 5, "hidden_size": 7, "num_layers": 2, "bidirectional": True}],
    "LSTM": [
        {"input_size": 5, "hidden_size": 7, "proj_size": 3, "bidirectional": True},
        {"input_size": 5, "hidden_size": 7, "dropout": 0.5},  # of which torch warns
    ],
    "GRU": [{"input_size": 5, "hidden_size": 7, "bias": False}],
    "RNNCell": [{"input_size": 5, "hidden_size": 7}],
    "LSTMCell": [{"input_size": 5, "hidden_size": 7}],
    "GRUCell": [{"input_size": 5, "hidden_size": 7}],
    "MultiheadAttention": [
        {"embed_dim": 8, "num_heads": 2},
        {"embed_dim": 8, "num_heads": 2, "kdim": 5, "vdim": 3, "add_bias_kv": True},
    ],
    "TransformerEncoderLayer": [HEADS],
    "TransformerDecoderLayer": [HEADS],
    "TransformerEncoder": [
        {"encoder_layer": HEADS, "num_layers": 2, "norm": {"type": "LayerNorm", "normalized_shape": 8}}
    ],
    "TransformerDecoder": [{"decoder_layer": HEADS, "num_layers": 2}],
    "Transformer": [{**HEADS, "num_encoder_layers": 2, "num_decoder_layers": 1}],
    "LayerNorm": [{"normalized_shape": [3, 4]}],
    "RMSNorm": [{"normalized_shape": 6}],
    "GroupNorm": [{"num_groups": 2, "num_channels": 6}],
    "BatchNorm1d": [{"num_features": 6}],
    "BatchNorm2d": [{"num_features": 6, "affine": False}],
    "BatchNorm3d": [{"num_features": 6, "track_running_stats": False}],
    "SyncBatchNorm": [{"num_features": 6}],
    "InstanceNorm1d": [{"num_features": 6, "affine": True}],
    "InstanceNorm2d": [{"num_features": 6, "affine": True, "track_running_stats": True}],
    "InstanceNorm3d": [{"num_features": 6}],
    "PReLU": [{"num_parameters": 3}],
    "LayerScale": [{"dim": 3}],
    "AdaptiveLogSoftmaxWithLoss": [
        {"in_features": 16, "n_classes": 30, "cutoffs": [5, 12], "head_bias": True}
    ],
    "LinearCrossEntropyLoss": [{"in_features": 6, "num_classes": 4}],
}


def test_every_layer_type_has_a_case():
    assert set(LAYER_CASES) == set(LAYERS) - {"Tensor"}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("kind", "arguments"), [(kind, case) for kind, cases in LAYER_CASES.items() for case in cases]
)
@pytest.mark.filterwarnings("ignore:dropout option:UserWarning", "ignore:enable_nested_tensor:UserWarning")
def test_a_layer_is_torchs_bit_for_bit(kind: str, arguments: dict[str, Any], dtype: str) -> None:
    """Built second, so that what was drawn before counts as well."""
    real = getattr(torch, dtype)
    first = {"name": "m0", "type": "Linear", "in_features": 4, "out_features": 5}
    found = ours({"seed": 42, "dtype": dtype, "layers": [first, {"name": "m1", "type": kind, **arguments}]})
    expected = plain(42, lambda: torch.nn.Linear(4, 5, dtype=real), lambda: module(kind, arguments, real))
    assert found == theirs(expected)


SCHEME_CASES: dict[str, list[tuple[list[int], dict[str, Any]]]] = {
    "zeros": [([3, 4], {})],
    "ones": [([3], {})],
    "constant": [([5], {"value": 0.1})],
    "values": [([2, 2], {"data": [[0.1, 2], [3, 4.7]]}), ([], {"data": 1.5})],
    "uniform": [([300], {"a": -0.3, "b": 0.7}), ([5, 0], {})],
    "normal": [([300], {"mean": 1.0, "std": 0.1}), ([7], {}), ([], {"std": 0.0})],
    "trunc_normal": [
        ([300], {}),
        ([300], {"std": 0.02}),
        ([300], {"mean": 0.5, "std": 0.5, "a": 0.5, "b": 3.0}),
        ([300], {"a": -0.5, "b": "Infinity"}),
        ([300], {"a": -1e39, "b": 0.5}),
        ([300], {"a": 2.5, "b": 6.0}),  # in the tail, of which torch warns
    ],
    "eye": [([4, 7], {}), ([4, 4, 3], {})],
    "logit": [([5], {"p": 0.01})],
    "siren": [([20, 30], {}), ([20, 3, 3], {"omega": 1.5}), ([20, 30], {"first": True})],
    "dirac": [([6, 3, 3, 3], {"groups": 2})],
    "xavier_uniform": [([20, 30], {"gain": 2.0}), ([0, 0], {})],
    "xavier_normal": [([20, 3, 3], {})],
    "kaiming_uniform": [([20, 30], {"a": 0.2, "mode": "fan_out"}), ([3, 0], {})],
    "kaiming_normal": [([20, 3, 3], {"nonlinearity": "relu"})],
    "orthogonal": [([20, 12], {}), ([5, 4, 3], {"gain": 0.5})],
    "sparse": [([30, 12], {"sparsity": 0.4, "std": 0.1})],
}


def test_every_kind_of_torchs_has_a_case():
    assert set(SCHEME_CASES) == set(TORCH_KINDS)


def fill(kind: str, tensor: torch.Tensor, parameters: dict[str, Any]) -> None:
    """The plain code of one init."""
    if not tensor.numel():
        return  # nothing to fill; torch fails where both fans are zero
    if kind == "values":
        with torch.no_grad():
            tensor.copy_(torch.tensor(parameters["data"], dtype=torch.float64))
    elif kind == "logit":
        torch.nn.init.constant_(tensor, -math.log((1 - parameters["p"]) / parameters["p"]))
    elif kind == "siren":
        fan_in = tensor[0].numel()
        bound = 1 / fan_in if parameters.get("first") else np.sqrt(6 / fan_in) / parameters.get("omega", 30.0)
        torch.nn.init.uniform_(tensor, -bound, bound)
    elif kind == "eye" and tensor.dim() > 2:
        torch.nn.init.dirac_(tensor)
    elif kind == "constant":
        torch.nn.init.constant_(tensor, parameters["value"])
    else:
        bounds = {name: float(parameters[name]) for name in ("a", "b") if name in parameters}
        getattr(torch.nn.init, kind + "_")(tensor, **parameters | bounds)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("kind", "shape", "parameters"),
    [(kind, shape, parameters) for kind, cases in SCHEME_CASES.items() for shape, parameters in cases],
)
@pytest.mark.filterwarnings("ignore:mean is more than 2 std:UserWarning")
def test_a_scheme_is_torchs_bit_for_bit(
    kind: str, shape: list[int], parameters: dict[str, Any], dtype: str
) -> None:
    if kind not in SCHEMES or (kind == "orthogonal" and dtype not in {"float32", "float64"}):
        pytest.skip("not offered")
    init = {"kind": kind, **parameters}
    layers = [
        {"name": "a", "type": "Tensor", "shape": shape, "init": init},
        {"name": "b", "type": "Tensor", "shape": [5], "init": "normal"},
    ]
    found = ours({"seed": 2**64 - 1, "dtype": dtype, "layers": layers})
    torch.manual_seed(2**64 - 1)
    one = torch.empty(shape, dtype=getattr(torch, dtype))
    other = torch.empty(5, dtype=getattr(torch, dtype))
    fill(kind, one, parameters)
    torch.nn.init.normal_(other)
    assert found == theirs({"a": one, "b": other})


def test_a_model_with_ranges_and_inits_is_torchs():
    """Names that sort otherwise than the spec, ranges, mixed dtypes, and inits out of their order."""
    spec = {
        "seed": 7,
        "layers": [
            {
                "name": "z.{0..1}",
                "type": "LSTM",
                "input_size": 3,
                "hidden_size": 4,
                "init": {"bias_hh_l0": "normal", "weight_ih_l0": "xavier_uniform"},
            },
            {"name": "t", "type": "Tensor", "shape": [4, 4], "init": "kaiming_normal", "dtype": "bfloat16"},
            {
                "name": "a.{0..2}",
                "type": "Linear",
                "in_features": 4,
                "out_features": 4,
                "init": {"bias": "zeros"},
            },
            {"name": "b", "type": "BatchNorm1d", "num_features": 4, "init": {"running_mean": "uniform"}},
        ],
    }
    torch.manual_seed(7)
    first = [torch.nn.LSTM(3, 4) for _ in range(2)]
    bare = torch.empty(4, 4, dtype=torch.bfloat16)
    linears = [torch.nn.Linear(4, 4) for _ in range(3)]
    norm = torch.nn.BatchNorm1d(4)
    for one in first:
        torch.nn.init.xavier_uniform_(one.weight_ih_l0)
        torch.nn.init.normal_(one.bias_hh_l0)
    torch.nn.init.kaiming_normal_(bare)
    for linear in linears:
        torch.nn.init.zeros_(linear.bias)
    torch.nn.init.uniform_(norm.running_mean)
    expected: Tensors = {"t": bare}
    for prefix, modules in (("z", first), ("a", linears)):
        for i, one in enumerate(modules):
            expected |= {f"{prefix}.{i}.{name}": t for name, t in one.state_dict().items()}
    expected |= {f"b.{name}": t for name, t in norm.state_dict().items()}
    assert ours(spec) == theirs(expected)


def test_an_init_equal_to_the_default_draws_again():
    linear = {"name": "m0", "type": "Linear", "in_features": 6, "out_features": 6}
    again = {"weight": {"kind": "kaiming_uniform", "a": 5**0.5}}
    torch.manual_seed(1)
    expected = torch.nn.Linear(6, 6)
    torch.nn.init.kaiming_uniform_(expected.weight, a=5**0.5)
    found = ours({"seed": 1, "layers": [{**linear, "init": again}]})
    assert found["m0.weight"] == theirs(dict(expected.named_parameters()))["weight"]
    assert found["m0.weight"] != ours({"seed": 1, "layers": [linear]})["m0.weight"]


def test_float8_holds_what_is_not_drawn():
    layers = [
        {"name": "a", "type": "Tensor", "shape": [3], "init": {"kind": "values", "data": [0.3, 1, 2]}},
        {"name": "b", "type": "LayerNorm", "normalized_shape": 4},
    ]
    for dtype in ("float8_e4m3fn", "float8_e5m2"):
        real = getattr(torch, dtype)
        found = ours({"dtype": dtype, "layers": layers})
        assert found["a"] == theirs({"": torch.tensor([0.3, 1, 2]).to(real)})[""]
        assert found["b.weight"] == theirs({"": torch.ones(4).to(real)})[""]


def test_whole_numbers_are_int64():
    init = {"kind": "values", "data": [1, 2, 3]}
    found = ours({"layers": [{"name": "a", "type": "Tensor", "shape": [3], "dtype": "int64", "init": init}]})
    assert found["a"] == theirs({"": torch.tensor([1, 2, 3])})[""]


def test_a_slice_is_that_of_the_whole():
    resolved = parts({"layers": [{"name": "w", "type": "Tensor", "shape": [40, 30], "init": "normal"}]})
    file = open_file(resolved)
    whole = element_source(resolved)
    values = file.read(*file.entries()[0][1:3], whole).view(np.float32).reshape(40, 30)
    boxes: list[tuple[str, Any]] = [("3:7", np.s_[3:7]), ("2:9,5:21", np.s_[2:9, 5:21])]
    for text, box in boxes:
        part = open_slice(file, "w", text)
        found = part.read(*part.entries()[0][1:3], whole).view(np.float32)
        assert np.array_equal(found, values[box].reshape(-1))


def big(seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "layers": [
            {"name": "m{0..19}", "type": "Linear", "in_features": 64, "out_features": 64},
            {"name": "t", "type": "Tensor", "shape": [64, 64], "init": "trunc_normal"},
        ],
    }


def test_eight_at_once_are_each_their_own_and_the_process_sees_nothing():
    alone = {seed: ours(big(seed)) for seed in range(8)}
    torch.manual_seed(99)
    torch.rand(3)
    state, kind = torch.get_rng_state(), torch.get_default_dtype()
    following = torch.rand(5)
    torch.set_rng_state(state)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: ours({**big(seed), "dtype": "float32"}), range(8)))
    assert together == [alone[seed] for seed in range(8)]
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.initial_seed(), torch.get_default_dtype()) == (99, kind)
    assert torch.equal(torch.rand(5), following)


def test_the_generators_come_back_after_a_fault():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="fault"), seeded(1, torch.device("cpu")):
        raise ValueError("fault")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.initial_seed() == 5


def test_one_thread_at_a_time_holds_the_generators():
    inside = threading.Event()

    def enter() -> None:
        with seeded(2, torch.device("cpu")):
            inside.set()

    with seeded(1, torch.device("cpu")):
        other = threading.Thread(target=enter)
        other.start()
        assert not inside.wait(0.05)
    other.join()
    assert inside.is_set()


@pytest.mark.parametrize(
    "layer",
    [
        {"type": "Linear", "in_features": 0, "out_features": 3},
        {"type": "Tensor", "shape": [0, 3], "init": "xavier_uniform"},
        {"type": "Tensor", "shape": [9], "init": {"kind": "trunc_normal", "a": 3, "b": 4}},
        {"type": "LSTM", "input_size": 2, "hidden_size": 2, "dropout": 0.5},
    ],
)
def test_no_warning_gets_out(layer: dict[str, Any]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours({"layers": [{"name": "w", **layer}]})
    assert caught == []


def test_a_cancelled_file_ends_soon():
    answers = iter([False, False, False, True])
    with cancellable(lambda: next(answers)), pytest.raises(ComputationCancelledError):
        materialise(parts(big(1)))


@pytest.mark.filterwarnings("ignore:mean is more than 2 std:UserWarning")
def test_a_rejection_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorseed.files.torch_generator.MAX_REJECTION_PASSES", 20)
    init = (
        parts({"layers": [{"name": "w", "type": "Tensor", "shape": [1], "init": {"kind": "trunc_normal"}}]})
        .steps[0]
        .inits[""]
    )
    with pytest.raises(TooLargeError, match="widen its interval"):
        _apply(init.model_copy(update={"a": 6.0, "b": 1e5}), torch.empty(1))


def test_a_kernel_that_torch_lacks_is_the_specs_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: Any, **__: Any) -> None:
        raise NotImplementedError('"kernel_cpu" not implemented for Float')

    monkeypatch.setattr(torch.nn.init, "normal_", lacking)
    with pytest.raises(SpecError, match="no kernel for 'w' in its dtype: use float32") as caught:
        ours({"layers": [{"name": "w", "type": "Tensor", "shape": [1], "init": "normal"}]})
    assert caught.value.faults[0].pointer == "/layers"


def test_the_kinds_are_those_of_torch():
    """All of ours that torch.nn.init has are in the table, and some that its functions fill."""
    others = {"values", "logit", "siren"}
    there = {kind for kind in SCHEMES if hasattr(torch.nn.init, f"{kind}_")} | others
    canonical = {scheme.spellings()[0] for scheme in SCHEMES.values()}
    assert there & canonical == TORCH_KINDS & canonical
    assert all(hasattr(torch.nn.init, f"{kind}_") for kind in TORCH_KINDS - others)


def scripted(seed: int, *entries: tuple[Callable[[], torch.nn.Module], tuple[str, ...]]) -> Tensors:
    """What a script gives that builds one module after the other and at once draws some of its parameters."""
    torch.manual_seed(seed)
    found: Tensors = {}
    for index, (build, names) in enumerate(entries):
        state = build().state_dict()
        for name in names:
            torch.nn.init.normal_(state[name])
        found |= {f"m{index}.{name}": tensor for name, tensor in state.items()}
    return found


def test_inits_may_run_between_the_entries() -> None:
    linear = {"type": "Linear", "in_features": 5, "out_features": 3}
    drawn = {"bias": "normal", "weight": "normal"}
    layers = [
        {**linear, "name": "m{0..1}", "init": drawn},
        {"name": "m2", "type": "GRUCell", "input_size": 3, "hidden_size": 2, "init": {"bias_hh": "normal"}},
        {**linear, "name": "m3"},
    ]
    expected = scripted(
        9,
        (lambda: torch.nn.Linear(5, 3), ("weight", "bias")),
        (lambda: torch.nn.Linear(5, 3), ("weight", "bias")),
        (lambda: torch.nn.GRUCell(3, 2), ("bias_hh",)),
        (lambda: torch.nn.Linear(5, 3), ()),
    )
    assert ours({"seed": 9, "init_order": "interleaved", "layers": layers}) == theirs(expected)
    assert ours({"seed": 9, "init_order": "last", "layers": layers}) == ours({"seed": 9, "layers": layers})
    assert ours({"seed": 9, "layers": layers}) != theirs(expected)


def test_bits_do_not_depend_on_torchs_number_of_threads() -> None:
    """torch computes on one thread for a file, and on as many as before for others."""
    layers = [
        {"name": "q", "type": "Tensor", "shape": [300, 200], "init": "orthogonal"},
        {"name": "n", "type": "Tensor", "shape": [70_000], "init": "normal"},
        {"name": "fc", "type": "Linear", "in_features": 200, "out_features": 300},
    ]
    before, found = torch.get_num_threads(), {}
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found[count] = ours({"seed": 7, "layers": layers})
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
    assert found[1] == found[2]
    torch.manual_seed(7)
    linear = torch.nn.Linear(200, 300)
    q, n = torch.empty(300, 200), torch.empty(70_000)
    torch.nn.init.orthogonal_(q)
    torch.nn.init.normal_(n)
    assert found[2] == theirs({"q": q, "n": n, **{f"fc.{k}": t for k, t in linear.state_dict().items()}})
