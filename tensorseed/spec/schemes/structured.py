"""Schemes that shape a whole matrix or kernel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.sampling import distributions
from tensorseed.sampling.distributions import AnyDistribution, Constant, Elementwise, KernelCentre
from tensorseed.sampling.distributions.sparse import MAX_ROWS
from tensorseed.spec.numbers import EXACT
from tensorseed.spec.schemes.base import Scale, Scheme, Shape
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.schemes.layouts import Layout, Side, merged, outermost_first, size_of
from tensorseed.spec.schemes.matrices import orthogonal_along, orthogonal_stack

KERNEL_DIMENSIONS = (3, 4, 5)
MAX_SPATIAL = 3  # axes of a kernel
MAX_TIMESCALE = 1e30
MAX_DIAGONAL = 1 << 31


class Orthogonal(Scheme):
    """A random matrix, Haar-distributed, whose rows or columns, whichever are fewer, are orthonormal.

    Formula: w = gain · Q or gain · Qᵀ, QᵀQ = I, the dimensions from the second on flattened into one
    Source: Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning in deep linear
        neural networks, ICLR 2014; Stewart: The efficient generation of random orthogonal matrices, 1980
    """

    in_torch = True

    kind: Literal["orthogonal"]
    gain: Scale = Field(default=1.0, description="Factor on the orthogonal matrix.", examples=[1.0])

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """Orthogonal(outputs, all else, gain), or its transpose, for every index of the batch axes."""
        if fans is None:
            raise ValueError("orthogonal needs at least two dimensions: with fewer, use normal")
        if 0 in shape:
            return Constant(0.0)
        layout = Layout.of(shape, fans.axes)
        return orthogonal_along(layout.batch, *layout.matrix, self.gain)

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

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """Sparse(outputs, inputs and batch, zeros, std)."""
        layout = None if fans is None else Layout.of(shape, fans.axes)
        if layout is None or layout.spatial:
            detail = "sparse needs exactly two dimensions, or fan_axes that use every one"
            raise ValueError(f"{detail}: use normal for other shapes")
        rows, columns = merged(layout.outputs), merged(outermost_first((*layout.inputs, *layout.batch)))
        height, width = size_of(layout.outputs), size_of((*layout.inputs, *layout.batch))
        if height > MAX_ROWS:
            raise ValueError(f"sparse takes at most {MAX_ROWS:,} rows: split the tensor")
        if 0 in shape:
            return Constant(0.0)
        zeros = math.ceil(self.sparsity * height)
        axes = None if len(merged((*rows, *columns))) <= 1 else (rows, columns)
        return distributions.Sparse(height, width, zeros, self.std, axes)

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
        layout = _kernel_layout("dirac", "eye", shape, fans)
        outputs = size_of(layout.outputs)
        if outputs % self.groups:
            raise ValueError(f"groups must divide the {outputs} output channels, {self.groups} does not")
        if 0 in shape:
            return Constant(0.0)
        base = distributions.Dirac(size_of(layout.inputs), outputs // self.groups, gain=self.gain)
        axes = (*layout.outputs, *layout.inputs)
        return _kernel_centre(base, axes, layout.spatial, lambda size: size // 2)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another gain."""
        return Dirac(kind="dirac", groups=self.groups, gain=factor * self.gain)


class Tril(Scheme):
    """The lower triangle of ones: a causal mask, row by row what each position sees.

    Formula: w[…, i, j] = 1 if j ≤ i + diagonal else 0, in the last two dimensions
    Source: torch.tril
    """

    is_random = False

    kind: Literal["tril"]
    diagonal: Annotated[int, Field(ge=-MAX_DIAGONAL, le=MAX_DIAGONAL)] = Field(
        default=0,
        description="The last diagonal of ones: 0 is the main one, those above it are positive.",
        examples=[-1],
    )

    def canonical(self, shape: Shape, _groups: int, /) -> Scheme:
        """With a diagonal of the matrix, or one just outside it."""
        if len(shape) < 2:
            return self
        inside = min(max(self.diagonal, -shape[-2]), max(shape[-1] - 1, 0))
        return self if inside == self.diagonal else self.model_copy(update={"diagonal": inside})

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Tril(rows, columns, diagonal).

        Raises:
            ValueError: the tensor has fewer than two dimensions.
        """
        if len(shape) < 2:
            raise ValueError("tril needs at least two dimensions, of which the last two are rows and columns")
        rows, columns = shape[-2:]
        return Constant(0.0) if 0 in shape else distributions.Tril(rows, columns, self.diagonal)


class DeltaOrthogonal(Scheme):
    """A convolution that keeps its input's norm: orthogonal at the kernel's centre, zero elsewhere.

    Formula: w[:, :, centre] = gain · Q, QᵀQ = I, centre = (size − 1) // 2 of every kernel axis
    Source: Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington: Dynamical isometry and a mean field theory
        of CNNs, ICML 2018; jax.nn.initializers.delta_orthogonal
    """

    kind: Literal["delta_orthogonal"]
    gain: Scale = Field(default=1.0, description="Factor on the orthogonal matrix.", examples=[1.0])

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """KernelCentre(Orthogonal), with an orthogonal matrix for every index of the batch axes."""
        layout = _kernel_layout("delta_orthogonal", "orthogonal", shape, fans)
        if 0 in shape:
            return Constant(0.0)
        count, outputs, inputs = (size_of(s) for s in (layout.batch, layout.outputs, layout.inputs))
        if inputs > outputs:
            raise ValueError(
                f"delta_orthogonal needs at least as many outputs as inputs, {outputs} is fewer than {inputs}"
            )
        base = orthogonal_stack(outputs, inputs, self.gain, count)
        axes = (*layout.batch, *layout.outputs, *layout.inputs)
        return _kernel_centre(base, axes, layout.spatial, lambda size: (size - 1) // 2)

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


def _kernel_layout(kind: str, of_matrices: str, shape: Shape, fans: Fans | None) -> Layout:
    """The layout of a convolution's kernel.

    Raises:
        ValueError: `shape` is no kernel's; the message names the kind for matrices.
    """
    layout = None if fans is None else Layout.of(shape, fans.axes)
    if layout is None or len(shape) < min(KERNEL_DIMENSIONS) or len(layout.spatial) > MAX_SPATIAL:
        raise ValueError(
            f"{kind} needs a convolution's kernel of three to five dimensions, of which at most three are "
            f"spatial: use {of_matrices} for matrices"
        )
    return layout


def _kernel_centre(
    base: Elementwise, axes: Side, spatial: Side, middle: Callable[[int], int]
) -> KernelCentre:
    """The matrix at the middle of every spatial axis."""
    return KernelCentre(base, merged(axes), spatial, tuple(middle(axis.size) for axis in spatial))
