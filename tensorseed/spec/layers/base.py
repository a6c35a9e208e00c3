"""What every layer type is: a frozen model of its arguments that lists the tensors of its `state_dict`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tensorseed.sampling.dtypes import DTypeName, TensorDTypeName
from tensorseed.spec.layers.network_module import NetworkModule, Shape
from tensorseed.spec.schemes import Init, Scheme
from tensorseed.spec.schemes.base import defaults_of
from tensorseed.spec.schemes.plain import Normal, Ones, Uniform, Zeros

if TYPE_CHECKING:
    import torch

Count = Annotated[int, Field(ge=0)]  # a dimension, or a number of features
Positive = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0, le=1)]

MAX_SLOTS = 16_384  # tensors of one layer

TWO_INPUTS = "it takes two inputs, and a network here hands one tensor from layer to layer"

ZEROS = Zeros(kind="zeros")
ONES = Ones(kind="ones")
STANDARD_NORMAL = Normal(kind="normal")


class Role(NamedTuple):
    """What a tensor is for. It changes no value.

    `axis` is the dimension along which its units lie, such as the neurons of a layer, which stay equal where
    they start equal; None where it has none: the elements of a scale, the rows of a table and the filters of
    a depthwise convolution are told apart by their inputs. `activation` is the layer's own function that its
    output goes into, named as in torch.nn.functional; None where that is not the layer's to say.
    """

    axis: int | None = 0
    activation: str | None = None


UNITS = Role()
"""A weight of torch's layout, (out, in, *kernel)."""

NO_UNITS = Role(axis=None)


class Slot(NamedTuple):
    """One tensor of a layer: a parameter or a buffer, and what torch fills it with.

    `init` is torch's default. `zeroed` are the rows (start, stop) that this default leaves at zero.
    `integer` marks int64 buffers, which the spec's dtype does not touch. `role` is for advice alone.
    """

    name: str  # below the layer's name: weight, bias, running_mean …
    shape: Shape
    init: Scheme
    zeroed: tuple[int, int] | None = None
    integer: bool = False
    role: Role = UNITS


class Arguments(BaseModel):
    """Base of what takes arguments: the entries, and the modules inside them, which have no name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def type_name(cls) -> str:
        """The value of `type` that stands for this class."""
        return str(get_args(cls.model_fields["type"].annotation)[0])

    def arguments(self) -> dict[str, Any]:
        """The type's own arguments that differ from their defaults, by name; a part as the object it is."""
        return {
            name: value.nested() if isinstance(value, Arguments) else value
            for name, default in _own(type(self))
            if repr(value := getattr(self, name)) != default
        }

    def nested(self) -> dict[str, Any]:
        """The arguments as a part of others, with the part's `type` where it has one."""
        kind = {"type": self.type_name()} if "type" in type(self).model_fields else {}
        return kind | self.arguments()


class Module(Arguments):
    """Base of the torch.nn classes, as entries or as parts of others: their tensors, and the real module."""

    @classmethod
    def torch_name(cls) -> str:
        """The name of the class in torch.nn: the `type`, where there is one."""
        return cls.type_name()

    def slots(self) -> Iterator[Slot]:
        """The parameters and then the buffers, in the order of torch's `state_dict`.

        The docstring of every subclass lists them for the catalog, one a line as `tensor_lines` says.
        Raises PartError where an argument does not fit the others.
        """
        raise NotImplementedError

    def build(self, **factory: Any) -> torch.nn.Module:
        """The real module, freshly initialised by torch; `factory` holds its `dtype` and `device`.

        Needs arguments that fit each other, which listing the `slots` checks. It draws from torch's own
        generators, so whoever calls it seeds and guards them.
        """
        import torch

        module: torch.nn.Module = getattr(torch.nn, self.torch_name())(**self._kwargs(), **factory)
        return module

    def _kwargs(self) -> dict[str, Any]:
        """The arguments as torch's constructor takes them."""
        return self.arguments()


class Entry(Arguments):
    """Base of every entry of a spec's `layers`: a named thing that yields tensors."""

    exclusion: ClassVar[str | None] = None
    """The reason, as a clause, why no network of an evaluation can hold it; None where one can."""

    name: str = Field(
        min_length=1,
        max_length=1024,
        description="The entry's name. Brace ranges such as {0..11}, both ends included, repeat the entry.",
        examples=["blocks.{0..11}.mlp"],
    )
    type: str
    dtype: TensorDTypeName | None = Field(
        default=None,
        description="The dtype of this entry; the spec's if left out. A bare tensor may be int64 as well, "
        "where zeros, ones, constant or values give whole numbers.",
        examples=["bfloat16"],
    )
    stream: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Draw the values as if the entry had this name. Its own name if left out.",
        examples=["fc1"],
    )


class Layer(Entry, Module, NetworkModule):
    """Base of the layer types that are torch.nn classes, with that class's arguments and defaults."""

    dtype: DTypeName | None = Field(
        default=None, description="The dtype of this entry; the spec's if left out.", examples=["bfloat16"]
    )
    init: dict[str, Init] = Field(
        default_factory=dict,
        description="Inits by parameter or buffer name; torch's defaults for those left out.",
        examples=[{"weight": "xavier_uniform", "bias": "zeros"}],
    )


_COMMON = {"name", "type", "dtype", "stream", "init"}


@cache
def _own(model: type[BaseModel]) -> tuple[tuple[str, str | None], ...]:
    """The type's own arguments with the texts of their defaults."""
    return tuple((name, text) for name, text in defaults_of(model).items() if name not in _COMMON)


@lru_cache(maxsize=4096)
def bias_init(size: int) -> Scheme:
    """U[-1/√size, 1/√size), or 0 for a size of 0: torch's bias of linear and convolution layers, with
    fan_in as the size, and all of a recurrent layer, with its hidden size.
    """
    if size == 0:
        return ZEROS
    bound = 1 / math.sqrt(size)
    return Uniform(kind="uniform", a=-bound, b=bound)


def prefix_slots(part: str, slots: Iterable[Slot]) -> Iterator[Slot]:
    """The slots of a part, as the whole names them: `part.weight`."""
    for slot in slots:
        yield slot._replace(name=f"{part}.{slot.name}")


def _collapse(size: int | tuple[int, ...]) -> int | tuple[int, ...]:
    """One number for equal numbers, so that 3 and [3, 3] are one argument."""
    if isinstance(size, tuple) and len(set(size)) == 1:
        return size[0]
    return size


def expand_size(size: int | Shape, rank: int) -> Shape:
    """The sizes along `rank` dimensions of an argument that may be one number for all."""
    return (size,) * rank if isinstance(size, int) else size


COLLAPSE_EQUAL = AfterValidator(_collapse)
