"""What every parameter-free module is: a frozen model of its arguments that builds the one of torch.nn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from tensorseed.spec.layers.base import COLLAPSE_EQUAL, Arguments, Count, Positive, Shape

if TYPE_CHECKING:
    import torch

Window1 = Annotated[Positive | tuple[Positive], COLLAPSE_EQUAL]
Window2 = Annotated[Positive | tuple[Positive, Positive], COLLAPSE_EQUAL]
Window3 = Annotated[Positive | tuple[Positive, Positive, Positive], COLLAPSE_EQUAL]
Size1 = Annotated[Count | tuple[Count], COLLAPSE_EQUAL]
Size2 = Annotated[Count | tuple[Count, Count], COLLAPSE_EQUAL]
Size3 = Annotated[Count | tuple[Count, Count, Count], COLLAPSE_EQUAL]


class Bounds(NamedTuple):
    """Where the function of a module ends, if it does; near a bound its slope is next to nothing."""

    low: float | None
    high: float | None

    @property
    def margin(self) -> float:
        """How far from a bound counts as near: one hundredth of the range, which begins at 0 if unbounded."""
        return 0.01 * abs((self.high or 0.0) - (self.low or 0.0))


class StatelessModule(Arguments):
    """Base of the modules of torch.nn that own no parameter, with that class's arguments and defaults."""

    random: ClassVar[bool] = False
    """Whether it draws numbers while training."""
    rectifies: ClassVar[bool] = False
    """Whether it maps a half line to 0, so that a unit can be dead."""
    dimensions: ClassVar[tuple[int, ...]] = ()
    """The numbers of dimensions that its input may have; any if empty."""

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Its name; its place and type, as in 1.ReLU, if left out. Brace ranges repeat it.",
        examples=["act"],
    )
    type: str

    def bounds(self) -> Bounds | None:
        """The bounds of its output; None where it has none."""
        return None

    def axis(self) -> int | None:
        """The axis of its output's features, counted from the end; None where it is that of the input."""
        return None

    def window(self) -> int:
        """How many elements one element of its output is computed from."""
        return 1

    def check_arguments(self) -> None:
        """Raise PartError where an argument does not fit the others."""

    def takes(self, shape: Shape) -> None:
        """Raise ValueError, with a sentence for the client, for an input that it cannot take."""
        if self.dimensions and len(shape) not in self.dimensions:
            counts = " or ".join(map(str, self.dimensions))
            raise ValueError(f"takes an input of {counts} dimensions and gets {len(shape)}: {list(shape)}")

    def build(self) -> torch.nn.Module:
        """The real module. `inplace` changes no result and is not handed on: reports need what was before."""
        import torch

        module: torch.nn.Module = getattr(torch.nn, self.type_name())(**self.kwargs())
        return module

    def kwargs(self) -> dict[str, Any]:
        """The arguments as torch's constructor takes them."""
        return {name: value for name, value in self.arguments().items() if name != "inplace"}
