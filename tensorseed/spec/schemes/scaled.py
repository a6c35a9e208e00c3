"""Schemes scaled by the tensor's fans: xavier, kaiming, variance scaling.

Every bound and deviation is computed in the order in which torch or JAX computes it, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from tensorseed.sampling.distributions import AnyDistribution, Normal, TruncNormal, Uniform
from tensorseed.sampling.distributions.trunc_normal import MAX_DISTANCE, truncated_std
from tensorseed.spec.numbers import EXACT, Float64
from tensorseed.spec.schemes import plain
from tensorseed.spec.schemes.base import FanScheme, Scale, Scheme, SchemeWarning, Shape
from tensorseed.spec.schemes.fans import NONLINEARITIES, Fans, Nonlinearity, gain
from tensorseed.spec.schemes.truncated import on_truncation

MIN_CUTOFF = 0.001  # deviations; `truncated_std` has some 50 digits left there

SQRT3 = math.sqrt(3.0)
RELU_GAIN = math.sqrt(2.0)
TORCH_SLOPE = math.sqrt(5.0)
SATURATING = frozenset({"sigmoid", "tanh"})
LINEAR = frozenset(NONLINEARITIES) - SATURATING - {"relu", "leaky_relu", "selu"}

_GAIN = "Factor on the standard deviation, such as torch.nn.init.calculate_gain gives."
_SLOPE = "Negative slope of the leaky_relu that follows; ignored for other nonlinearities."
_MODE = "fan_in keeps the variance of the signal, fan_out that of the gradient."
_NONLINEARITY = "The function that follows the layer, named as in torch.nn.functional."


class _Xavier(FanScheme):
    """The parameters and warnings that both xavier schemes share."""

    in_torch = True
    alternative: ClassVar[str]  # the kaiming scheme of the same shape

    gain: Scale = Field(default=1.0, description=_GAIN, examples=[1.0])

    def std(self, fans: Fans) -> float:
        """gain · √(2 / (fan_in + fan_out))."""
        return self.gain * math.sqrt(2.0 / float(fans.fan_in + fans.fan_out))

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another gain."""
        return type(self).model_validate({"kind": self.kind, "gain": factor * self.gain})

    def warnings(self, activation: str | None, /) -> Iterator[SchemeWarning]:
        """`rectifier_gain`: relu follows, by the gain or by the layer itself."""
        if activation is None and math.isclose(self.gain, RELU_GAIN, rel_tol=1e-3):
            relu = "relu, whose gain √2 is,"
        elif activation == "relu":
            relu = "relu, which this layer applies itself,"
        else:
            return
        detail = (
            f"xavier is derived for functions that are linear around zero; for {relu} the usual choice is"
        )
        yield SchemeWarning("rectifier_gain", f"{detail} {self.alternative}")


class XavierUniform(_Xavier):
    """Uniform, with a variance between what keeps the signal's and what keeps the gradient's.

    Formula: w ~ U[-bound, bound), bound = gain · √(6 / (fan_in + fan_out))
    Source: Glorot and Bengio: Understanding the difficulty of training deep feedforward neural networks,
        AISTATS 2010
    """

    alternative = "kaiming_uniform"

    kind: Literal["xavier_uniform", "glorot_uniform"]

    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """Uniform(-√3·std, √3·std), std = gain · √(2 / (fan_in + fan_out))."""
        return _symmetric(self.std(fans))


class XavierNormal(_Xavier):
    """Normal, with a variance between what keeps the signal's and what keeps the gradient's.

    Formula: w ~ N(0, std²), std = gain · √(2 / (fan_in + fan_out))
    Source: Glorot and Bengio: Understanding the difficulty of training deep feedforward neural networks,
        AISTATS 2010
    """

    alternative = "kaiming_normal"

    kind: Literal["xavier_normal", "glorot_normal"]

    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """Normal(0, std)."""
        return Normal(0.0, self.std(fans))


class _Kaiming(FanScheme):
    """The parameters and warnings that both kaiming schemes share."""

    in_torch = True
    alternative: ClassVar[str]  # the xavier scheme of the same shape

    a: Float64 = Field(default=0.0, description=_SLOPE, examples=[0.01])
    mode: Literal["fan_in", "fan_out"] = Field(default="fan_in", description=_MODE, examples=["fan_out"])
    nonlinearity: Nonlinearity = Field(default="leaky_relu", description=_NONLINEARITY, examples=["relu"])

    def std(self, fans: Fans) -> float:
        """gain(nonlinearity, a) / √fan."""
        fan = fans.fan_in if self.mode == "fan_in" else fans.fan_out
        return gain(self.nonlinearity, self.a) / math.sqrt(fan)

    def canonical(self, _shape: Shape, _groups: int, /) -> Scheme:
        """Without a slope, unless leaky_relu uses it."""
        if self.nonlinearity == "leaky_relu" or repr(self.a) == "0.0":
            return self
        return self.model_copy(update={"a": 0.0})

    def rescaled(self, factor: float, shape: Shape, fans: Fans | None, /) -> Scheme | None:
        """The plain scheme of the same distribution, since the gain is no parameter."""
        return None if fans is None else plain_scheme(self.scaled_by(fans)).rescaled(factor, shape, None)

    def warnings(self, activation: str | None, /) -> Iterator[SchemeWarning]:
        """`saturating_nonlinearity`: sigmoid or tanh follows. `historical_slope`: a is torch's √5."""
        given = self.nonlinearity
        if (activation or given) in SATURATING and given not in LINEAR:
            what = f"{activation}, which this layer applies itself," if activation else given
            detail = f"kaiming is derived for rectifiers; for {what} the usual choice is {self.alternative}"
            yield SchemeWarning("saturating_nonlinearity", detail)
        elif given == "leaky_relu" and math.isclose(self.a, TORCH_SLOPE, rel_tol=1e-3):
            yield SchemeWarning(
                "historical_slope",
                "a = √5 is what torch's layers use for historical reasons: give your activation's own slope",
            )


class KaimingUniform(_Kaiming):
    """Uniform, with the variance that a rectifier needs to pass a signal on unchanged.

    Formula: w ~ U[-bound, bound), bound = gain · √(3 / fan), gain that of `nonlinearity`
    Source: He, Zhang, Ren, Sun: Delving deep into rectifiers, ICCV 2015
    """

    alternative = "xavier_uniform"

    kind: Literal["kaiming_uniform", "he_uniform"]

    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """Uniform(-√3·std, √3·std), std = gain / √fan."""
        return _symmetric(self.std(fans))


class KaimingNormal(_Kaiming):
    """Normal, with the variance that a rectifier needs to pass a signal on unchanged.

    Formula: w ~ N(0, std²), std = gain / √fan, gain that of `nonlinearity`
    Source: He, Zhang, Ren, Sun: Delving deep into rectifiers, ICCV 2015
    """

    alternative = "xavier_normal"

    kind: Literal["kaiming_normal", "he_normal"]

    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """Normal(0, std)."""
        return Normal(0.0, self.std(fans))


class VarianceScaling(FanScheme):
    """Any variance that is inversely proportional to a fan; xavier, kaiming and LeCun are cases of it.

    Formula: Var(w) = scale / n, n = fan_in, fan_out, (fan_in + fan_out) / 2 or √(fan_in · fan_out) by `mode`
    Source: jax.nn.initializers.variance_scaling; truncated at `cutoff` deviations, which are widened to keep
        Var(w)
    """

    kind: Literal["variance_scaling"]
    scale: Annotated[float, Field(gt=0.0), EXACT] = Field(
        default=1.0, description="The variance times n, greater than 0.", examples=[2.0]
    )
    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"] = Field(
        default="fan_in",
        description="Which fan n is: one of them, their mean or their geometric mean.",
        examples=["fan_avg"],
    )
    distribution: Literal["normal", "uniform", "truncated_normal"] = Field(
        default="truncated_normal", description="The shape of the distribution.", examples=["uniform"]
    )
    cutoff: Annotated[float, Field(ge=MIN_CUTOFF, le=MAX_DISTANCE), EXACT] = Field(
        default=2.0,
        description="Where a truncated_normal ends, in standard deviations before truncation.",
        examples=[3.0],
    )

    @model_validator(mode="after")
    def _truncates(self) -> VarianceScaling:
        if "cutoff" in self.model_fields_set and self.distribution != "truncated_normal":
            raise ValueError("cutoff has a meaning for the distribution truncated_normal alone: leave it out")
        return self

    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """Normal, Uniform or TruncNormal of variance scale / n."""
        return _scaled(self.scale / _fan(self.mode, fans), self.distribution, self.cutoff)

    def warnings(self, _activation: str | None, /) -> Iterator[SchemeWarning]:
        """Those of `on_truncation`."""
        if self.distribution == "truncated_normal":
            yield from on_truncation(-self.cutoff, self.cutoff)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another scale, which is of the variance."""
        given = self.model_dump(exclude_defaults=True)
        return VarianceScaling.model_validate({**given, "scale": factor * factor * self.scale})


class LecunUniform(FanScheme):
    """Uniform, with the variance 1 / fan_in.

    Formula: w ~ U[-bound, bound), bound = √(3 / fan_in)
    Source: LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998; jax.nn.initializers.lecun_uniform
    """

    kind: Literal["lecun_uniform"]

    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """variance_scaling with scale 1, fan_in and uniform."""
        return _scaled(1.0 / fans.fan_in, "uniform")

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """variance_scaling with another scale."""
        return VarianceScaling(kind="variance_scaling", scale=factor * factor, distribution="uniform")


class LecunNormal(FanScheme):
    """Normal truncated at two deviations, with the variance 1 / fan_in.

    Formula: Var(w) = 1 / fan_in, w ~ N(0, s²) given |w| ≤ 2s, s = √(1 / fan_in) / 0.87962566103423978
    Source: Klambauer, Unterthiner, Mayr, Hochreiter: Self-normalizing neural networks, NeurIPS 2017;
        jax.nn.initializers.lecun_normal
    """

    kind: Literal["lecun_normal"]

    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """variance_scaling with scale 1, fan_in and truncated_normal."""
        return _scaled(1.0 / fans.fan_in, "truncated_normal")

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """variance_scaling with another scale."""
        return VarianceScaling(kind="variance_scaling", scale=factor * factor)


def plain_scheme(distribution: AnyDistribution) -> Scheme:
    """The scheme whose parameters are those of a uniform or normal distribution."""
    match distribution:
        case Uniform(low, high):
            return plain.Uniform(kind="uniform", a=low, b=high)
        case Normal(mean, std):
            return plain.Normal(kind="normal", mean=mean, std=std)
    raise AssertionError(distribution)


def _symmetric(std: float) -> Uniform:
    """The uniform distribution around zero with deviation `std`."""
    bound = SQRT3 * std
    return Uniform(-bound, bound)


def _fan(mode: str, fans: Fans) -> float:
    if mode == "fan_in":
        return float(fans.fan_in)
    if mode == "fan_out":
        return float(fans.fan_out)
    if mode == "fan_avg":
        return (fans.fan_in + fans.fan_out) / 2
    return math.sqrt(fans.fan_in * fans.fan_out)


def _scaled(variance: float, shape: str, cutoff: float = 2.0) -> AnyDistribution:
    """The distribution of the given shape, mean zero and `variance`."""
    if shape == "normal":
        return Normal(0.0, math.sqrt(variance))
    if shape == "uniform":
        bound = math.sqrt(3.0 * variance)
        return Uniform(-bound, bound)
    std = math.sqrt(variance) / truncated_std(cutoff)
    return TruncNormal(0.0, std, -cutoff * std, cutoff * std)
