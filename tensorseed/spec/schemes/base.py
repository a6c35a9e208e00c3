"""Base classes of the init schemes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from typing import Annotated, ClassVar, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field

from tensorseed.sampling.distributions import AnyDistribution, Constant
from tensorseed.spec.numbers import EXACT
from tensorseed.spec.schemes.fans import Fans

Shape = tuple[int, ...]
Scale = Annotated[float, Field(ge=0.0), EXACT]

WITHOUT_FANS = "normal, trunc_normal, uniform, constant, zeros or ones"


@cache
def defaults_of(model: type[BaseModel]) -> dict[str, str | None]:
    """The fields of `model` with the text of their defaults; None where a value is required."""
    return {
        name: None if field.is_required() else repr(field.default)
        for name, field in model.model_fields.items()
    }


class ArgumentError(ValueError):
    """A fault of an argument; `path` leads to it from the entry, or from the init."""

    def __init__(self, path: tuple[str | int, ...], detail: str) -> None:
        self.path = path
        super().__init__(detail)


def nest_error(path: tuple[str | int, ...], error: ValueError) -> ArgumentError:
    """The error, with `path` before its own."""
    rest = error.path if isinstance(error, ArgumentError) else ()
    return ArgumentError((*path, *rest), str(error))


class SchemeWarning(NamedTuple):
    """A warning about a valid scheme that is probably a mistake."""

    code: str
    detail: str


class Scheme(BaseModel, ABC):
    """Base of all schemes. Each names itself by `kind`, a Literal of its spellings, the canonical one first.

    Docstrings of subclasses start with one sentence. The lines `Formula:` and `Source:` go into the catalog.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    in_torch: ClassVar[bool] = False
    """Whether torch.nn.init has the scheme, so that generator `torch` accepts it."""

    not_in_torch: ClassVar[tuple[str, ...]] = ()
    """Parameters that the function of torch.nn.init lacks; generator `torch` accepts their defaults."""

    is_random: ClassVar[bool] = True
    """Whether the values depend on the seed."""

    kind: str

    @classmethod
    @cache
    def spellings(cls) -> tuple[str, ...]:
        """The accepted values of `kind`, the canonical one first."""
        return get_args(cls.model_fields["kind"].annotation)

    def canonical(self, _shape: Shape, _groups: int, /) -> Scheme:
        """The one scheme that stands for all that mean the same in a tensor of `shape`.

        `groups` is that of a convolution, and 1 for other tensors.
        """
        return self

    @abstractmethod
    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """The distribution of a tensor of `shape`, row-major; `fans` is None below two dimensions.

        Raises:
            ValueError: the scheme does not fit the shape; the message is for the client.
        """

    def rescaled(self, _factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme | None:
        """The scheme of `factor` times the values in a tensor of this shape, factor > 0; None without one.

        Raises:
            ValueError: a parameter of it is beyond float64.
        """
        return None

    def warnings(self, _activation: str | None, /) -> Iterator[SchemeWarning]:
        """Warnings about the parameters, given the layer's own function of its output, if it has one."""
        yield from ()


class FanScheme(Scheme):
    """Base of the schemes whose scale follows from fan_in and fan_out."""

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """The distribution scaled by the fans; a tensor without elements has nothing to scale.

        Raises:
            ValueError: the tensor has fewer than two dimensions.
        """
        if fans is None:
            needs = f"{self.spellings()[0]} needs fan_in and fan_out"
            raise ValueError(f"{needs}, so at least two dimensions: with fewer, use {WITHOUT_FANS}")
        return Constant(0.0) if 0 in shape else self.scaled_by(fans)

    @abstractmethod
    def scaled_by(self, fans: Fans) -> AnyDistribution:
        """The distribution for positive `fans`."""
