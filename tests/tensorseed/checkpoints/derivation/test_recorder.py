"""Recorder of tensors without data, against torch on real ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tensorseed
from tensorseed.checkpoints.derivation.building import META, _Dataless, recording_init_calls
from tensorseed.checkpoints.derivation.description import describe
from tensorseed.checkpoints.derivation.overrides import UNKNOWN
from tensorseed.checkpoints.derivation.recorder import DataDependentError, Recorder
from tensorseed.checkpoints.derivation.tables.powers import power


def observed(make: Callable[[], torch.Tensor]) -> dict[str, Any]:
    """The entry of the tensor that `make` makes."""
    recorder = Recorder()
    with recording_init_calls(recorder), _Dataless(), recorder, torch.no_grad():
        tensor = make()
    found = describe(tensor, recorder)
    assert found.pop("type") == "Tensor"
    assert found.pop("shape") == list(tensor.shape)
    assert found.pop("dtype") == str(tensor.dtype).removeprefix("torch.")
    return found


def init(make: Callable[[], torch.Tensor]) -> Any:
    found = observed(make)
    assert set(found) == {"init"}
    return found["init"]


def empty(*shape: int) -> torch.Tensor:
    return torch.empty(*(shape or (4, 6)))


INVERSE_SOFTPLUS = {"kind": "inverse_softplus_log_uniform", "a": 0.001, "b": 0.1}


def of_step(step: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The inverse softplus of steps, where the other is the same draw."""
    return step.exp() + torch.log(-torch.expm1(-other.exp()))


def time_step(floor: float) -> torch.Tensor:
    draw = torch.rand(8) * (math.log(0.1) - math.log(0.001)) + math.log(0.001)
    dt = torch.exp(draw).clamp(min=floor)
    return dt + torch.log(-torch.expm1(-dt))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: torch.nn.init.normal_(empty(), 0.5, 2.0), {"kind": "normal", "mean": 0.5, "std": 2}),
        (lambda: torch.nn.init.normal_(empty()), "normal"),
        (lambda: torch.nn.init.normal_(empty(), std=0.0), "zeros"),
        (lambda: torch.nn.init.uniform_(empty(), -1, 1), {"kind": "uniform", "a": -1}),
        (lambda: torch.nn.init.trunc_normal_(empty(), std=0.5), {"kind": "trunc_normal", "std": 0.5}),
        (lambda: torch.nn.init.xavier_uniform_(empty()), "xavier_uniform"),
        (lambda: torch.nn.init.xavier_normal_(empty(), 2.0), {"kind": "xavier_normal", "gain": 2.0}),
        (lambda: torch.nn.init.kaiming_uniform_(empty(), 5**0.5), {"kind": "kaiming_uniform", "a": 5**0.5}),
        (
            lambda: torch.nn.init.kaiming_normal_(empty(), mode="fan_out", nonlinearity="relu"),
            {"kind": "kaiming_normal", "mode": "fan_out", "nonlinearity": "relu"},
        ),
        (lambda: torch.nn.init.orthogonal_(empty(), 0.5), {"kind": "orthogonal", "gain": 0.5}),
        (lambda: torch.nn.init.orthogonal_(empty()).mul_(3.0), {"kind": "orthogonal", "gain": 3.0}),
        (lambda: torch.nn.init.eye_(empty()), "eye"),
        (lambda: torch.nn.init.dirac_(empty(4, 4, 3)), "dirac"),
        (lambda: torch.nn.init.sparse_(empty(), 0.5), {"kind": "sparse", "sparsity": 0.5, "std": 0.01}),
        (lambda: empty().normal_(0, 0.5).mul_(4).add_(1), {"kind": "normal", "mean": 1, "std": 2}),
        (lambda: torch.randn(8) * 0.5, {"kind": "normal", "std": 0.5}),
        (lambda: 1 - torch.rand(8) / 2, {"kind": "uniform", "a": 0.5}),
        (lambda: -torch.rand(8).sub(0.5), {"kind": "uniform", "a": -0.5, "b": 0.5}),
        (lambda: torch.rand(8).clamp(-1, 2), "uniform"),
        (lambda: torch.randn(8, dtype=torch.float64).to(torch.bfloat16), "normal"),
        (lambda: torch.nn.init.normal_(empty()).t().contiguous(), "normal"),
        (lambda: torch.nn.init.normal_(empty()).chunk(2, dim=1)[1], "normal"),
        (lambda: torch.cat([torch.randn(2, 3), torch.randn(2, 3)], dim=1), "normal"),
        (
            lambda: torch.nn.init.xavier_uniform_(empty(8, 4))[:4],
            {"kind": "uniform", "a": -(0.5**0.5), "b": 0.5**0.5},
        ),
        (lambda: torch.zeros(3), "zeros"),
        (lambda: torch.full((3,), 2.5).sqrt().square_().round(), {"kind": "constant", "value": 2}),
        (lambda: torch.tensor([0.5, 2.0]), {"kind": "values", "data": [0.5, 2.0]}),
        (lambda: torch.arange(3).float() + 0.5, {"kind": "values", "data": [0.5, 1.5, 2.5]}),
        (lambda: torch.arange(3), {"kind": "values", "data": [0, 1, 2]}),
        (lambda: torch.tensor(7).zero_(), "zeros"),
        (lambda: torch.empty(0, 3), "zeros"),
        (lambda: torch.FloatTensor(5).uniform_(), "uniform"),
        (lambda: torch.rand(8).mul(3).sub(2).exp(), {"kind": "log_uniform", "a": math.exp(-2), "b": math.e}),
        (lambda: torch.rand(8).add_(1).log_(), {"kind": "log_of_uniform", "a": 1, "b": 2}),
        (lambda: time_step(floor=0.0), INVERSE_SOFTPLUS),
        (lambda: time_step(floor=1e-4), INVERSE_SOFTPLUS),
        (lambda: time_step(floor=0.01), {**INVERSE_SOFTPLUS, "floor": 0.01}),
        (
            lambda: torch.empty(8).uniform_(0.81, 0.998).log_().mul_(0.5).neg_().exp_().sub_(1).log_(),
            {"kind": "rg_lru", "a": 0.81, "b": 0.998},
        ),
        (
            lambda: torch.arange(3).float().expand(2000, 3).contiguous(),
            {
                "kind": "parts",
                "axis": 0,
                "parts": [{"init": {"kind": "values", "data": [[0.0, 1.0, 2.0]]}, "copies": 2000}],
            },
        ),
        (lambda: torch.tensor([0.5, 2.0], device="meta"), {"kind": "values", "data": [0.5, 2.0]}),
        (lambda: torch.zeros(3000, 2000).mul_(2).add_(1), "ones"),
    ],
)
def test_inits(make: Callable[[], torch.Tensor], expected: Any) -> None:
    found = init(make)
    assert found == expected or (found["kind"] != "parts" and found == pytest.approx(expected))


def test_a_padding_row() -> None:
    def make() -> torch.Tensor:
        table = torch.nn.init.normal_(empty(5, 3), std=0.5)
        table[2].zero_()
        return table

    assert observed(make) == {"init": {"kind": "normal", "std": 0.5}, "padding_idx": 2}


def test_a_row_that_is_filled_again_is_no_padding_row() -> None:
    def make() -> torch.Tensor:
        table = torch.zeros(5, 3)
        table[2].normal_()
        return table.normal_()

    assert init(make) == "normal"


def test_parts_that_are_filled_one_after_the_other() -> None:
    def make() -> torch.Tensor:
        table = empty(4, 3)
        for part in table.chunk(2):
            torch.nn.init.normal_(part, std=0.5)
        return table

    assert init(make) == {"kind": "normal", "std": 0.5}


def test_numbers_that_are_written_in_parts() -> None:
    def make() -> torch.Tensor:
        table = empty(2, 2)
        table[:, 0] = torch.tensor([1.0, 2.0])
        table[:, 1] = 3.0
        return table

    assert init(make) == {"kind": "values", "data": [[1.0, 3.0], [2.0, 3.0]]}


@pytest.mark.parametrize(
    ("layout", "endpoint"),
    [("halves", True), ("halves", False), ("interleaved", True), ("interleaved", False)],
)
def test_sinusoids(layout: str, endpoint: bool) -> None:
    def make() -> torch.Tensor:
        rates = torch.exp(-math.log(10_000) * torch.arange(8) / (7 if endpoint else 8))
        angles = torch.arange(50)[:, None] * rates
        table = empty(50, 16)
        first, second = (slice(8), slice(8, 16)) if layout == "halves" else (slice(0, 16, 2), slice(1, 16, 2))
        table[:, first], table[:, second] = angles.sin(), angles.cos()
        return table

    found = init(make)
    given = {"kind": found} if isinstance(found, str) else found
    assert (given["kind"], given.get("layout", "halves")) == ("sinusoidal", layout)
    assert given.get("endpoint", True) is endpoint


@pytest.mark.parametrize(("a", "b", "exponent"), [(0.0, 1.0, 1.0), (-5.0, 3.0, 0.741935), (2.0, 0.5, 3.0)])
def test_powers_of_a_position(a: float, b: float, exponent: float) -> None:
    def make() -> torch.Tensor:
        return (a + (b - a) * torch.linspace(0, 1, 5_000, dtype=torch.float64) ** exponent).float()

    assert init(make) == {"kind": "power", "a": a, "b": b, "exponent": exponent}
    assert init(lambda: make()[:100].clone())["kind"] == "values"


HALVES = (torch.bfloat16, torch.float16)
POSITIONS = torch.linspace(0, 1, 5_000, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32], ids=str)
@pytest.mark.parametrize("exponent", [0.05, 0.3, 1 / 3, 0.741935, 27 / 32, 1.35, 2.0, 12.5, 100.0])
@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-5.0, 3.0), (2.0, 0.5)])
def test_powers_in_any_dtype_have_the_same_numbers(
    a: float, b: float, exponent: float, dtype: torch.dtype
) -> None:
    made = (a + (b - a) * POSITIONS**exponent).to(dtype)
    found = power(made)
    assert found is not None
    again = (a + (b - a) * POSITIONS ** found["exponent"]).to(dtype)
    assert int((again != made).sum()) <= 5
    assert found["exponent"] == pytest.approx(exponent, rel=1e-5)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("layer", [5, 6, 7])
def test_powers_of_rounded_positions(layer: int, dtype: torch.dtype) -> None:
    """RWKV's mixing weights: the position is rounded before the power."""
    share, exponent = torch.tensor([i / 4_096 for i in range(4_096)], dtype=dtype), 1 - layer / 32
    made = share**exponent
    found = power(made)
    assert found is not None
    assert found["exponent"] == pytest.approx(exponent, abs=3e-4)
    curve = found["b"] * torch.linspace(0, 1, 4_096, dtype=torch.float64) ** found["exponent"]
    steps = (curve.to(dtype).view(torch.int16) - made.view(torch.int16)).abs()
    assert int(steps.max()) <= 2  # a last place, and one of the ends


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize(
    "curve",
    [
        torch.log1p,
        torch.expm1,
        torch.sin,
        lambda x: torch.sigmoid(2 * x),
        lambda x: 8 * torch.log1p(x) - 5,
        lambda x: (64 * x).floor() / 64,
        lambda x: (256 * x).round() / 256,
        lambda x: x.where(x != POSITIONS[7], 2 * x),
    ],
    ids=["log1p", "expm1", "sin", "sigmoid", "moved", "stairs", "low stairs", "one other number"],
)
def test_numbers_that_are_no_power(curve: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype) -> None:
    assert power(curve(POSITIONS).to(dtype)) is None


@pytest.mark.parametrize(("diagonal", "shape"), [(0, (1, 1, 9, 9)), (3, (2, 5, 7)), (-2, (7, 3))])
def test_masks(diagonal: int, shape: tuple[int, ...]) -> None:
    expected = {"kind": "tril", "diagonal": diagonal} if diagonal else "tril"
    assert init(lambda: torch.ones(shape, dtype=torch.bool).tril(diagonal)) == expected
    small, large = torch.ones(5, 5).tril(diagonal), torch.ones(70, 70).tril(diagonal)
    assert init(lambda: small.clone()) == {"kind": "values", "data": small.tolist()}
    assert init(lambda: large.clone()) == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((80, 80), "eye"),
        ((80, 60), "eye"),
        ((40, 40, 3), "dirac"),
        ((240, 40, 3), {"kind": "dirac", "groups": 6}),
        ((80, 8, 3, 3), {"kind": "dirac", "groups": 10}),
        ((30, 40, 2, 2), "dirac"),
    ],
)
def test_identities_that_are_written_into_zeros(shape: tuple[int, ...], expected: Any) -> None:
    def make() -> torch.Tensor:
        weight = torch.zeros(shape)
        identity = torch.eye(shape[0] if expected in ("eye", "dirac") else shape[1], shape[1])
        centre: list[Any] = [slice(None), slice(None), *(size // 2 for size in shape[2:])]
        weight[tuple(centre)] = identity.repeat(shape[0] // len(identity), 1)
        return weight

    found = init(make)
    assert found == expected
    entry = {"name": "w", "type": "Tensor", "shape": list(shape), "init": found}
    assert torch.equal(tensorseed.open({"seed": 0, "layers": [entry]}).torch()["w"], make())


def test_numbers_that_are_no_identity() -> None:
    def make(row: int) -> torch.Tensor:
        weight = torch.zeros(80, 20, 3)
        weight[:, :, 1] = torch.eye(20).repeat(4, 1)
        weight[row, :, 2] = 1.0
        return weight

    assert "4,800 computed numbers" in observed(lambda: make(3))[UNKNOWN]


def test_bools_that_are_no_triangle() -> None:
    assert init(lambda: torch.tensor([[True, False], [False, True]])) == {
        "kind": "values",
        "data": [[1, 0], [0, 1]],
    }
    assert init(lambda: torch.ones(3, dtype=torch.bool)) == "ones"
    assert "5,000 computed numbers" in observed(lambda: torch.arange(5000) % 3 > 1)[UNKNOWN]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: empty(), "never fills it"),
        (lambda: torch.rand(4).exp().square(), "computed from random numbers"),
        (lambda: torch.randn(4).exp(), "computed from random numbers"),
        (lambda: of_step(torch.rand(4), torch.rand(4)), "computed from random numbers"),
        (lambda: of_step(*torch.rand(8).chunk(2)), "computed from random numbers"),
        (lambda: torch.randn(4).clamp(-1, 1), "computed from random numbers"),
        (lambda: torch.randn(4) * torch.randn(4), "computed from random numbers"),
        (lambda: torch.FloatTensor(4).bernoulli_(), "computed from random numbers"),
        (lambda: torch.cat([torch.randn(4), torch.rand(4)]), "different distributions"),
        (lambda: torch.nn.init.orthogonal_(empty(6, 4))[:4], "another layout"),
        (lambda: torch.arange(5000).float() % 7, "5,000 computed numbers"),
        (lambda: torch.tensor([math.inf, 1.0]), "not finite"),
        (lambda: torch.zeros(3, dtype=torch.int32), "dtype int32"),
        (lambda: torch.tensor([1 << 60]), "integers beyond"),
        (lambda: torch.randint(5, (3,)), "computed from random numbers"),
    ],
)
def test_what_no_init_says(make: Callable[[], torch.Tensor], why: str) -> None:
    assert why in observed(make)[UNKNOWN]


def test_a_structure_of_chance() -> None:
    with pytest.raises(DataDependentError):
        observed(lambda: torch.zeros(int(torch.randn(1).item())))
    assert init(lambda: torch.zeros(int(torch.tensor(3).item()))) == "zeros"


def test_tensors_have_no_data() -> None:
    with _Dataless():
        assert torch.zeros(3).device == torch.tensor(1.0).device == META
        assert not torch.zeros(3, device="cpu").is_meta
        assert not torch.tensor([]).is_meta


def test_draws_of_real_numbers_leave_the_random_state() -> None:
    before = torch.get_rng_state()
    assert "normal" in observed(lambda: torch.randn(4, device="cpu").to(META))["init"]
    assert torch.equal(torch.get_rng_state(), before)
