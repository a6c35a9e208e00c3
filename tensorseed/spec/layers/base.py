"""Base classes of layer types: arguments, and the tensors they define."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from tensorseed.sampling.dtypes import DTypeName, TensorDTypeName
from tensorseed.spec.layers.network_module import NetworkModule, Shape
from tensorseed.spec.numbers import EXACT, Seed
from tensorseed.spec.schemes import ArgumentError, Init, Scheme
from tensorseed.spec.schemes.base import defaults_of
from tensorseed.spec.schemes.plain import Normal, Ones, Uniform, Zeros

if TYPE_CHECKING:
    import torch

Count = Annotated[int, Field(ge=0)]  # a dimension, or a number of features
Positive = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0, le=1), EXACT]

MAX_SLOTS = 16_384  # tensors of one layer

TWO_INPUTS = "it takes two inputs, and a network here hands one tensor from layer to layer"

ZEROS = Zeros(kind="zeros")
ONES = Ones(kind="ones")
STANDARD_NORMAL = Normal(kind="normal")


class Role(NamedTuple):
    """The role of a tensor in its layer, for lint only. It changes no value.

    `axis` is the axis of the units, such as the neurons of a layer, which stay equal where they start equal.
    It is None where inputs make units differ: in a scale, a table, and a depthwise convolution. `activation`
    is the layer's own function of its output, named as in torch.nn.functional; None where it has none.
    """

    axis: int | None = 0
    activation: str | None = None


UNITS = Role()
"""A weight of torch's layout, (out, in, *kernel)."""

NO_UNITS = Role(axis=None)


class Slot(NamedTuple):
    """One tensor of a layer, a parameter or a buffer, with torch's default init.

    `init` is torch's default. `zeroed` are the rows (start, stop) that this default leaves at zero.
    `integer` marks int64 buffers, whatever the spec's dtype. `role` is for lint only.
    `owner` is the class of the module inside the layer that owns the tensor; empty for the layer itself.
    """

    name: str  # below the layer's name: weight, bias, running_mean …
    shape: Shape
    init: Scheme
    zeroed: tuple[int, int] | None = None
    integer: bool = False
    role: Role = UNITS
    owner: str = ""
    buffer: bool = False

    @property
    def is_matrix(self) -> bool:
        """Whether it is of weights and has two or more dimensions, which `bias_k` has, too."""
        is_bias = self.name.rpartition(".")[2].startswith("bias")
        return len(self.shape) > 1 and not (self.integer or is_bias)


class Arguments(BaseModel):
    """Base of models with arguments: entries, and the modules inside them, which have no name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    defaults_from: ClassVar[Mapping[str, str]] = {}
    """The arguments that equal another one where they are left out, each with that other."""

    @classmethod
    def type_name(cls) -> str:
        """The value of `type` of this class."""
        return str(get_args(cls.model_fields["type"].annotation)[0])

    def arguments(self) -> dict[str, Any]:
        """The type's own arguments that differ from their defaults, by name; a module inside as an object."""
        others = {name: getattr(self, other) for name, other in self.defaults_from.items()}
        return {
            name: value.nested() if isinstance(value, Arguments) else value
            for name, default in _own(type(self))
            if repr(value := getattr(self, name)) != default and (name not in others or value != others[name])
        }

    def nested(self) -> dict[str, Any]:
        """The arguments as an object inside others, with the `type` where the model has one."""
        kind = {"type": self.type_name()} if "type" in type(self).model_fields else {}
        return kind | self.arguments()


class Module(Arguments, ABC):
    """Base of the modules with tensors, as entries or inside others."""

    @classmethod
    def torch_name(cls) -> str:
        """The name of the class in torch.nn."""
        return cls.type_name()

    @abstractmethod
    def slots(self) -> Iterator[Slot]:
        """The parameters and then the buffers, in the order of torch's `state_dict`.

        The docstring of every subclass lists them for the catalog, in the grammar of `catalog.tensor_lines`.

        Raises:
            ArgumentError: an argument does not fit the others.
        """

    def build(self, **factory: Any) -> torch.nn.Module:
        """The real module, initialised by torch; `factory` holds its `dtype` and `device`.

        The arguments must fit each other, which `slots` checks. It draws from torch's global generators,
        which the caller seeds and restores.
        """
        import torch

        module: torch.nn.Module = getattr(torch.nn, self.torch_name())(**self._kwargs(), **factory)
        return module

    def _kwargs(self) -> dict[str, Any]:
        """The arguments as torch's constructor takes them."""
        return self.arguments()


class Entry(Arguments):
    """Base of the entries of a spec, which have a name and yield tensors."""

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
        description="The dtype of this entry; the spec's if left out. A bare tensor may be int64 or bool as "
        "well, where zeros, ones, constant, values or tril give whole numbers, or 0 and 1.",
        examples=["bfloat16"],
    )
    stream: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Draw the values as if the entry had this name. Its own name if left out.",
        examples=["fc1"],
    )
    seed: Seed | None = Field(
        default=None,
        description="The entry's own seed, which stays where the spec has another. The spec's if left out.",
        examples=[7],
    )

    def written_path(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """The path in the entry as it was sent of a path in what it means."""
        return path


def _init_form(value: Any) -> str:
    """Whether the `init` of a layer is one init alone, or an object of them by parameter."""
    alone = isinstance(value, str | Scheme) or (isinstance(value, dict) and "kind" in value)
    return INIT_ALONE if alone else INITS_BY_NAME


INIT_ALONE, INITS_BY_NAME = "alone", "by_name"
"""The two forms of a layer's `init`, as a validator's locations name them."""

LayerInit = Annotated[
    Annotated[dict[str, Init], Tag(INITS_BY_NAME)] | Annotated[Init, Tag(INIT_ALONE)],
    Discriminator(_init_form),
]


class Layer(Entry, Module, NetworkModule):
    """Base of the layer types: torch.nn classes, with that class's arguments and defaults, and others."""

    in_torch: ClassVar[bool] = True
    """Whether it is a class of torch.nn."""

    dtype: DTypeName | None = Field(
        default=None, description="The dtype of this entry; the spec's if left out.", examples=["bfloat16"]
    )
    init: LayerInit = Field(
        default_factory=dict,
        description="Inits by parameter or buffer name; torch's defaults for those left out. An init alone "
        "is that of every matrix of weights.",
        examples=[{"weight": "xavier_uniform", "bias": "zeros"}, "xavier_uniform"],
    )

    def matrices(self) -> list[str]:
        """The names of the matrices of weights, among which are no gains of norms."""
        return [] if self.normalizes else [slot.name for slot in self.slots() if slot.is_matrix]

    def inits(self) -> dict[str, str | Scheme]:
        """The inits by parameter.

        Raises:
            ArgumentError: there is an init alone, and no matrix of weights for it.
        """
        if isinstance(self.init, dict):
            return {**self.init}
        matrices = self.matrices()
        if not matrices:
            first = next((slot.name for slot in self.slots()), None)
            what = "no parameters" if first is None else "no matrix of weights for an init alone"
            remedy = "leave init out" if first is None else f'name the parameter, as in {{"{first}": "ones"}}'
            raise ArgumentError(("init",), f"this {self.type} has {what}: {remedy}")
        return dict.fromkeys(matrices, self.init)

    def written_path(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """The path in the entry as it was sent, where an init alone stands for those by parameter."""
        alone = path[:1] == ("init",) and not isinstance(self.init, dict)
        return ("init", *path[2:]) if alone else path


_COMMON = {"name", "type", "dtype", "stream", "seed", "init"}


@cache
def _own(model: type[BaseModel]) -> tuple[tuple[str, str | None], ...]:
    """The type's own arguments with the texts of their defaults."""
    return tuple((name, text) for name, text in defaults_of(model).items() if name not in _COMMON)


@lru_cache(maxsize=4096)
def bias_init(size: int) -> Scheme:
    """U[-1/√size, 1/√size), or zeros for a size of 0.

    torch fills biases of linear and convolution layers so, with fan_in as the size, and all tensors of a
    recurrent layer, with hidden_size.
    """
    if size == 0:
        return ZEROS
    bound = 1 / math.sqrt(size)
    return Uniform(kind="uniform", a=-bound, b=bound)


def prefix_slots(part: str, slots: Iterable[Slot], owner: str = "") -> Iterator[Slot]:
    """The slots of the module `part`, of the class `owner`, under the names in its parent: `part.weight`."""
    for slot in slots:
        yield slot._replace(name=f"{part}.{slot.name}", owner=slot.owner or owner)


def _collapse(size: int | tuple[int, ...]) -> int | tuple[int, ...]:
    """Collapse equal numbers into one, so that 3 and [3, 3] are one argument."""
    if isinstance(size, tuple) and len(set(size)) == 1:
        return size[0]
    return size


def expand_size(size: int | Shape, rank: int) -> Shape:
    """Expand an argument that may be one number for all of `rank` dimensions."""
    return (size,) * rank if isinstance(size, int) else size


COLLAPSE_EQUAL = AfterValidator(_collapse)

ONE_PER_DIMENSION = "one_per_dimension"
"""Annotates an argument whose list, of any length, means the number that all its numbers equal."""
