"""Schemes that shape a whole matrix or kernel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.sampling import distributions
from tensorseed.sampling.distributions import AnyDistribution, Axis, Constant, Elementwise, KernelCentre
from tensorseed.sampling.distributions.orthogonal import is_thin, preparation_cost
from tensorseed.sampling.distributions.sparse import MAX_ROWS
from tensorseed.spec.numbers import EXACT
from tensorseed.spec.schemes.base import Scale, Scheme, Shape
from tensorseed.spec.schemes.fans import Fans

KERNEL_DIMENSIONS = (3, 4, 5)
MAX_ORTHOGONAL = 1 << 28  # elements, where each row goes through all reflections
MAX_TIMESCALE = 1e30
MAX_PREPARATION = 1 << 39  # multiplications before the first element: about a minute of a core


class Orthogonal(Scheme):
    """A random matrix, Haar-distributed, whose rows or columns, whichever are fewer, are orthonormal.

    Formula: w = gain · Q or gain · Qᵀ, QᵀQ = I, the dimensions from the second on flattened into one
    Source: Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning in deep linear
        neural networks, ICLR 2014; Stewart: The efficient generation of random orthogonal matrices, 1980
    """

    in_torch = True

    kind: Literal["orthogonal"]
    gain: Scale = Field(default=1.0, description="Factor on the orthogonal matrix.", examples=[1.0])

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Orthogonal(rows, columns, gain)."""
        if len(shape) < 2:
            raise ValueError("orthogonal needs at least two dimensions: with fewer, use normal")
        rows, columns = shape[0], math.prod(shape[1:])
        return _orthogonal(rows, columns, self.gain) if 0 not in shape else Constant(0.0)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another gain."""
        return Orthogonal(kind="orthogonal", gain=factor * self.gain)


class Sparse(Scheme):
    """Normal, with the same share of zeros in every column, at random positions.

    Formula: w ~ N(0, std²), of each column ⌈sparsity · rows⌉ elements zero
    Source: Martens: Deep learning via Hessian-free optimization, ICML 2010
    """

    in_torch = True

    kind: Literal["sparse"]
    sparsity: Annotated[float, Field(ge=0.0, le=1.0), EXACT] = Field(
        description="The share of each column's elements that is zero, 0 to 1.", examples=[0.1]
    )
    std: Scale = Field(default=0.01, description="Standard deviation of the others.", examples=[0.01])

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Sparse(rows, columns, zeros, std)."""
        if len(shape) != 2:
            raise ValueError("sparse needs exactly two dimensions: use normal for other shapes")
        if shape[0] > MAX_ROWS:
            raise ValueError(f"sparse takes at most {MAX_ROWS:,} rows: split the tensor")
        zeros = math.ceil(self.sparsity * shape[0])
        return distributions.Sparse(*shape, zeros, self.std) if 0 not in shape else Constant(0.0)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another deviation."""
        return Sparse(kind="sparse", sparsity=self.sparsity, std=factor * self.std)


class Dirac(Scheme):
    """A convolution that passes its input through: `gain` at the centre where output and input are the same.

    Formula: w[o, i, centre] = gain if o mod (out / groups) = i else 0, centre = size // 2 of every kernel
        axis
    Source: torch.nn.init.dirac_
    """

    in_torch = True
    not_in_torch = ("gain",)
    is_random = False

    kind: Literal["dirac"]
    groups: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Groups of output channels, each passing the inputs through.", examples=[1]
    )
    gain: Scale = Field(default=1.0, description="The factor on what is passed through.", examples=[0.98])

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """KernelCentre(Dirac)."""
        _check_kernel("dirac", "eye", shape, fans)
        assert fans is not None
        outputs = shape[fans.out_axis]
        if outputs % self.groups:
            raise ValueError(f"groups must divide the {outputs} output channels, {self.groups} does not")
        base = distributions.Dirac(shape[fans.in_axis], outputs // self.groups, gain=self.gain)
        return _kernel_centre(base, shape, fans, lambda size: size // 2) if 0 not in shape else Constant(0.0)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another gain."""
        return Dirac(kind="dirac", groups=self.groups, gain=factor * self.gain)


class DeltaOrthogonal(Scheme):
    """A convolution that keeps its input's norm: orthogonal at the kernel's centre, zero elsewhere.

    Formula: w[:, :, centre] = gain · Q, QᵀQ = I, centre = (size − 1) // 2 of every kernel axis
    Source: Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington: Dynamical isometry and a mean field theory
        of CNNs, ICML 2018; jax.nn.initializers.delta_orthogonal
    """

    kind: Literal["delta_orthogonal"]
    gain: Scale = Field(default=1.0, description="Factor on the orthogonal matrix.", examples=[1.0])

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """KernelCentre(Orthogonal)."""
        _check_kernel("delta_orthogonal", "orthogonal", shape, fans)
        assert fans is not None
        if 0 in shape:
            return Constant(0.0)
        inputs, outputs = shape[fans.in_axis], shape[fans.out_axis]
        if inputs > outputs:
            raise ValueError(
                f"delta_orthogonal needs at least as many outputs as inputs, {outputs} is fewer than {inputs}"
            )
        return _kernel_centre(
            _orthogonal(outputs, inputs, self.gain), shape, fans, lambda size: (size - 1) // 2
        )

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another gain."""
        return DeltaOrthogonal(kind="delta_orthogonal", gain=factor * self.gain)


class Sinusoidal(Scheme):
    """Sines and cosines of positions, the rows, at frequencies that fall geometrically: no learning needed.

    Formula: w[t, i] = sin(t · f[i]), w[t, n + i] = cos(t · f[i]), f[i] = max_timescale^(−i / (n − 1)),
        n = columns / 2; w[t, 2i] and w[t, 2i + 1] where interleaved, −i / n without endpoint
    Source: Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin: Attention is all you need,
        NIPS 2017
    """

    is_random = False

    kind: Literal["sinusoidal"]
    max_timescale: Annotated[float, Field(ge=1.0, le=MAX_TIMESCALE), EXACT] = Field(
        default=10000.0,
        description="The longest wave's length over 2π, in positions; the shortest is 1.",
        examples=[10000.0],
    )
    layout: Literal["halves", "interleaved"] = Field(
        default="halves",
        description="All sines before all cosines, as Whisper has them, or each cosine beside its sine.",
        examples=["halves"],
    )
    endpoint: bool = Field(
        default=True,
        description="Whether the last wave is the longest; otherwise the one after the last would be.",
        examples=[True],
    )

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Sinusoidal(columns, …).

        Raises:
            ValueError: the tensor is no matrix with an even number of columns.
        """
        if len(shape) != 2:
            raise ValueError("sinusoidal needs exactly two dimensions: positions and channels")
        if shape[1] % 2:
            raise ValueError(
                f"sinusoidal needs as many sines as cosines, and {shape[1]} columns are an odd number: "
                "give an even one"
            )
        interleaved = self.layout == "interleaved"
        waves = distributions.Sinusoidal(shape[1], self.max_timescale, interleaved, self.endpoint)
        return waves if 0 not in shape else Constant(0.0)


def _orthogonal(rows: int, columns: int, gain: float) -> distributions.Orthogonal:
    shape, matrix = (rows, columns), f"an orthogonal matrix of {rows:,}×{columns:,}"
    if is_thin(shape):
        cost = preparation_cost(shape)
        if cost > MAX_PREPARATION:
            raise ValueError(
                f"{matrix} takes {cost:,} operations before its first element, more than the "
                f"{MAX_PREPARATION:,} allowed: split the tensor or use normal"
            )
    elif rows * columns > MAX_ORTHOGONAL:
        raise ValueError(
            f"{matrix} has {rows * columns:,} elements, more than the {MAX_ORTHOGONAL:,} allowed, since "
            "each of its rows costs four operations for every one of them: split the tensor or use normal"
        )
    return distributions.Orthogonal(rows, columns, gain)


def _check_kernel(kind: str, of_matrices: str, shape: Shape, fans: Fans | None) -> None:
    """Check that `shape` is a convolution kernel's.

    Raises:
        ValueError: it is not; the message names the kind for matrices.
    """
    if len(shape) not in KERNEL_DIMENSIONS or fans is None:
        raise ValueError(
            f"{kind} needs a convolution's kernel of three to five dimensions: use {of_matrices} for matrices"
        )


def _kernel_centre(
    base: Elementwise,
    shape: Shape,
    fans: Fans,
    middle: Callable[[int], int],
) -> KernelCentre:
    """The matrix at the middle of every axis that is neither the outputs' nor the inputs'."""
    axes = [Axis(math.prod(shape[i + 1 :]), size) for i, size in enumerate(shape)]
    spatial = tuple(axis for i, axis in enumerate(axes) if i not in (fans.in_axis, fans.out_axis))
    return KernelCentre(
        base, axes[fans.out_axis], axes[fans.in_axis], spatial, tuple(middle(axis.size) for axis in spatial)
    )
