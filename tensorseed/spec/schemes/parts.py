"""Inits made of inits along an axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field

from tensorseed.sampling import distributions
from tensorseed.sampling.compact_wy import packed_size, padded
from tensorseed.sampling.distributions import (
    AnyDistribution,
    Constant,
    KernelCentre,
    Orthogonal,
    Run,
    Stack,
)
from tensorseed.sampling.distributions.orthogonal import is_thin, preparation_cost
from tensorseed.spec.schemes.base import ArgumentError, Scheme, SchemeWarning, Shape, nest_error
from tensorseed.spec.schemes.fans import Fans, fans
from tensorseed.spec.schemes.matrices import MAX_PREPARATION
from tensorseed.spec.schemes.plain import Eye

if TYPE_CHECKING:
    PartInit = Scheme  # in the canonical spelling of its kind; the package's union, which it completes

MAX_PARTS = 1_024  # that one init lists
MAX_REPEATED = 16_384  # of one tensor, repeated ones counted each
MAX_PREPARED_BYTES = (
    1 << 26
)  # of the orthogonal parts that every row of a tensor crosses: half of their cache

Size = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A stretch of the axis, or several alike, filled as a tensor of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    size: Size | None = Field(
        default=None,
        description="The part's length along the axis; of one part it may be left out, which takes the rest.",
        examples=[64],
    )
    init: PartInit = Field(
        description="What fills the part: any init but parts. Its fans are those of the part's own shape.",
        examples=["zeros"],
    )
    repeat: Size = Field(
        default=1,
        description="So many parts alike, one after the other, each drawn by itself.",
        examples=[4],
    )
    copies: Size = Field(
        default=1,
        description="Every slice of what is drawn stands so many times in a row, as by "
        "torch.repeat_interleave; it divides the size.",
        examples=[4],
    )


def _some(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    if not 1 <= len(parts) <= MAX_PARTS:
        raise ValueError(f"an init has from 1 to {MAX_PARTS:,} parts, these are {len(parts):,}")
    return parts


class Parts(Scheme):
    """Parts along an axis, each filled by an init of its own, as a tensor of its own shape.

    Formula: w[…, start : start + size, …] = init of that shape, one part after the other along `axis`
    Source: torch.split and torch.cat; a part with copies is torch.repeat_interleave of what is drawn
    """

    kind: Literal["parts"]
    axis: int = Field(
        default=0, description="The axis that is divided; negative axes count from the end.", examples=[0]
    )
    parts: Annotated[tuple[Part, ...], FailFast(), AfterValidator(_some)] = Field(
        description="The parts in their order, as objects of `size`, `init`, `repeat` and `copies`. Their "
        "sizes, each times its repeat, add up to the axis.",
        examples=[[{"size": 64, "init": "zeros"}, {"size": 192, "init": "ones"}]],
        json_schema_extra={"minItems": 1, "maxItems": MAX_PARTS},
    )

    def axis_of(self, shape: Shape) -> int:
        """The axis, counted from the start.

        Raises:
            ArgumentError: a tensor of `shape` has no such axis.
        """
        rank = len(shape)
        if not -rank <= self.axis < rank:
            known = f"{rank} dimensions have the axes {-rank} to {rank - 1}" if rank else "a number has none"
            raise ArgumentError(("axis",), f"this axis does not exist: {known}")
        return self.axis % rank

    def sizes(self, shape: Shape) -> list[int]:
        """The length of each part along the axis, where they are repeated of one of them.

        Raises:
            ArgumentError: the tensor has no such axis, or the parts do not fill it exactly.
        """
        axis = self.axis_of(shape)
        whole = shape[axis]
        given = sum(part.size * part.repeat for part in self.parts if part.size is not None)
        open_ = [index for index, part in enumerate(self.parts) if part.size is None]
        if len(open_) > 1:
            raise ArgumentError(
                ("parts", open_[1], "size"),
                "only one part may leave its size out: give this one, or write equal parts as one repeat",
            )
        if not open_ and given != whole:
            raise ArgumentError(
                ("parts",),
                f"the parts have the size {given:,} together, and axis {axis} has {whole:,}: {_FILL}",
            )
        rest = whole - given
        for index in open_:
            repeat = self.parts[index].repeat
            if rest <= 0:
                raise ArgumentError(
                    ("parts", index),
                    f"nothing is left for this part: the others have the size {given:,}, and axis {axis} has "
                    f"{whole:,}",
                )
            if rest % repeat:
                raise ArgumentError(
                    ("parts", index, "repeat"),
                    f"repeat must divide the size {rest:,} that the others leave of axis {axis}, "
                    f"{repeat:,} does not",
                )
        found = [rest // part.repeat if part.size is None else part.size for part in self.parts]
        for index, (part, size) in enumerate(zip(self.parts, found, strict=True)):
            if size % part.copies:
                raise ArgumentError(
                    ("parts", index, "copies"),
                    f"copies must divide the part's size, {size:,}, {part.copies:,} does not",
                )
        if (count := sum(part.repeat for part in self.parts)) > MAX_REPEATED:
            raise ArgumentError(
                ("parts",), f"a tensor has at most {MAX_REPEATED:,} parts, these are {count:,}: {_FEWER}"
            )
        return found

    def drawn_shapes(self, shape: Shape) -> list[Shape]:
        """The shape of what is drawn of each part.

        Raises:
            ArgumentError: as `sizes`.
        """
        axis = self.axis_of(shape)
        return [
            (*shape[:axis], size // part.copies, *shape[axis + 1 :])
            for part, size in zip(self.parts, self.sizes(shape), strict=True)
        ]

    def canonical(self, shape: Shape, groups: int, /) -> Parts:
        """The same parts with canonical inits, each of as many groups as its part has.

        Raises:
            ArgumentError: the parts do not fill the axis, or an identity divides a group.
        """
        parts = []
        for index, (part, drawn) in enumerate(zip(self.parts, self.drawn_shapes(shape), strict=True)):
            own = groups
            if groups > 1 and isinstance(part.init, Eye):
                try:
                    own = groups_of(drawn[0], shape[0], groups)
                except ValueError as error:
                    raise nest_error(("parts", index, "init"), error) from None
            parts.append(part.model_copy(update={"init": part.init.canonical(drawn, own)}))
        return self.model_copy(update={"parts": tuple(parts)})

    def distribution_for(self, shape: Shape, found: Fans | None, /) -> AnyDistribution:
        """Parts(shape, axis, runs), each with the fans of its own shape.

        Raises:
            ArgumentError: the parts do not fill the axis, or an init does not fit its part.
        """
        axis, sizes, start = self.axis_of(shape), self.sizes(shape), 0
        runs: list[Run] = []
        described = zip(self.parts, sizes, self.drawn_shapes(shape), strict=True)
        for index, (part, size, drawn) in enumerate(described):
            try:
                base = part.init.distribution_for(drawn, fans_of(drawn, shape, found))
            except ValueError as error:
                raise nest_error(("parts", index, "init"), error) from None
            runs.append(Run(start, size, part.repeat, part.copies, base))
            start += size * part.repeat
        if 0 in shape:
            return Constant(0.0)
        if math.prod(shape[:axis]) > 1:
            _check_prepared(runs)
        return distributions.Parts(shape, axis, tuple(runs))

    def rescaled(self, factor: float, shape: Shape, found: Fans | None, /) -> Scheme | None:
        """Every part rescaled; None where one cannot be."""
        parts = []
        for part, drawn in zip(self.parts, self.drawn_shapes(shape), strict=True):
            init = part.init.rescaled(factor, drawn, fans_of(drawn, shape, found))
            if init is None:
                return None
            parts.append(part.model_copy(update={"init": init}))
        return self.model_copy(update={"parts": tuple(parts)})

    def warnings(self, activation: str | None, /) -> Iterator[SchemeWarning]:
        """Those of the parts, each once."""
        yield from dict.fromkeys(one for part in self.parts for one in part.init.warnings(activation))


_FILL = "change a size, or leave one out, which then takes the rest"
_FEWER = "repeat fewer"


def fans_of(drawn: Shape, shape: Shape, whole: Fans | None) -> Fans | None:
    """The fans of a part's own shape, along the axes of the whole tensor of `shape`.

    Groups keep their size, so that a part of the outputs has as many as fit.

    Raises:
        ValueError: it has no whole number of groups.
    """
    if whole is None:
        return None
    axes = whole.axes
    if axes.groups > 1:
        (axis,) = axes.outputs
        axes = axes._replace(groups=groups_of(drawn[axis], shape[axis], axes.groups))
    return fans(drawn, axes)


def groups_of(drawn: int, whole: int, groups: int) -> int:
    """The groups of `drawn` outputs of a tensor that has `whole` ones in so many `groups`.

    Raises:
        ValueError: their number is not whole.
    """
    members = max(whole // groups, 1)
    if drawn % members:
        raise ValueError(
            f"a group has {members:,} outputs, and this part draws {drawn:,}: divide between groups"
        )
    return drawn // members


def _check_prepared(runs: Sequence[Run]) -> None:
    """Check that the orthogonal parts that every row crosses can be prepared together.

    Raises:
        ArgumentError: they take too long, or too much memory.
    """
    cost = memory = 0
    for run in runs:
        base = run.base.base if isinstance(run.base, KernelCentre) else run.base
        count = run.repeat * (base.count if isinstance(base, Stack) else 1)
        one = base.base if isinstance(base, Stack) else base
        if isinstance(one, Orthogonal) and is_thin(sides := (one.rows, one.columns)):
            cost += count * preparation_cost(sides)
            memory += count * 8 * packed_size(padded(min(sides)))
    if cost > MAX_PREPARATION or memory > MAX_PREPARED_BYTES:
        raise ArgumentError(
            ("parts",),
            f"the orthogonal parts along this axis take {cost:,} operations and {memory:,} bytes before the "
            f"first element, and {MAX_PREPARATION:,} and {MAX_PREPARED_BYTES:,} are allowed: divide the "
            "first axis, or split the tensor",
        )
