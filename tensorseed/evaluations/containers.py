"""Layers that hold layers: in sequence, beside a shortcut, or as branches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, get_args

from pydantic import Field

from tensorseed.spec.json.pointers import Path
from tensorseed.spec.layers import AnyEntry
from tensorseed.spec.layers.base import Arguments
from tensorseed.spec.layers.network_module import Computation, InputDtype, NetworkModule, Shape
from tensorseed.spec.modules import AnyModule
from tensorseed.spec.modules.sigmoid_like import check_axis
from tensorseed.spec.numbers import Float64
from tensorseed.spec.schemes import ArgumentError

if TYPE_CHECKING:
    import torch

MAX_DEPTH = 8  # of containers in containers


class Branch(NamedTuple):
    """A list of layers in a container, as sent.

    `path` leads to it from the container. `prefix` is what the names of its layers begin with.
    """

    path: Path
    prefix: str
    entries: Any
    needs_layers: bool = True


class Container(Arguments, NetworkModule):
    """Base of the layers that hold layers. The container's own output joins those of its branches."""

    computation = Computation.WINDOWS
    input_dtype = InputDtype.ANY
    joins: ClassVar[bool] = True
    """Whether it computes by itself; otherwise its output is that of its last layer."""

    name: str = Field(
        min_length=1,
        max_length=1024,
        description="Its name, and a dot: what the names of its layers begin with. Brace ranges repeat it.",
        examples=["block{1..4}"],
    )
    type: str

    @classmethod
    def read_branches(cls, entry: dict[str, Any]) -> Iterator[Branch]:
        """The lists of layers of an entry, as sent."""
        yield Branch(("layers",), "", entry.get("layers"))

    @classmethod
    def without_layers(cls, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry with empty lists in the place of those that hold layers."""
        return {**entry, "layers": []}

    def check_arguments(self) -> None:
        """Check that the arguments fit each other.

        Raises:
            ArgumentError: one does not.
        """

    def check_inputs(self, shapes: Sequence[Shape]) -> None:
        """Check that the outputs of the branches fit each other.

        Raises:
            ValueError: they do not. The sentence continues the container's name.
        """

    def sources(self, ends: Sequence[int], _source: int, /) -> tuple[int, ...]:
        """What it joins: the `ends` of its branches, which begin at the second argument."""
        return tuple(ends)

    def join(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """The output, from those of the branches."""
        return outputs[0]

    def feature_axis(self) -> int | None:
        """The axis of the first branch."""
        return None

    def build(self, **_factory: Any) -> torch.nn.Module:
        """An empty module: `join` computes."""
        import torch

        return torch.nn.Identity()


_LAYERS = "Its layers, in order; their names begin with its own."


class Sequential(Container):
    """Layers one after the other, under one name.

    Formula: y = layers[n - 1](… layers[0](x))
    Source: torch.nn.Sequential
    """

    joins = False
    type: Literal["Sequential"]
    layers: tuple[NetworkEntry, ...] = Field(description=_LAYERS, examples=[[{"type": "ReLU"}]])


class Residual(Container):
    """A branch of layers, added to the input or to what a shortcut makes of it.

    Formula: y = shortcut(x) + scale · layers(x)
    Source: He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016
    """

    type: Literal["Residual"]
    layers: tuple[NetworkEntry, ...] = Field(
        description="The layers of the branch, in order.",
        examples=[[{"name": "fc", "type": "Linear", "in_features": 64, "out_features": 64}]],
    )
    shortcut: tuple[NetworkEntry, ...] = Field(
        default=(),
        description="The layers beside the branch, such as a projection where shapes differ; x itself if "
        "left out.",
        examples=[
            [{"name": "conv", "type": "Conv2d", "in_channels": 8, "out_channels": 16, "kernel_size": 1}]
        ],
    )
    scale: Float64 = Field(
        default=1.0, description="The factor of the branch, which is not learned.", examples=[0.5]
    )

    @classmethod
    def read_branches(cls, entry: dict[str, Any]) -> Iterator[Branch]:
        """The branch, and the shortcut where there is one."""
        yield from super().read_branches(entry)
        if "shortcut" in entry:
            yield Branch(("shortcut",), "shortcut.", entry["shortcut"])

    @classmethod
    def without_layers(cls, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry without layers."""
        return {**super().without_layers(entry), **({"shortcut": []} if "shortcut" in entry else {})}

    def check_arguments(self) -> None:
        """A branch times 0 is never learned."""
        if self.scale == 0:
            detail = "scale is not learned, so 0 leaves nothing of the branch: end it with a weight of zeros"
            raise ArgumentError(("scale",), detail)

    def check_inputs(self, shapes: Sequence[Shape]) -> None:
        """Equal shapes."""
        branch, shortcut = shapes
        if branch != shortcut:
            detail = f"adds the output {list(branch)} of its layers to {list(shortcut)}"
            raise ValueError(f"{detail}: give it shortcut layers, such as a projection, or change its layers")

    def sources(self, ends: Sequence[int], source: int, /) -> tuple[int, ...]:
        """The branch, and the shortcut or the input."""
        return tuple(ends) if len(ends) > 1 else (*ends, source)

    def join(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """The sum."""
        branch, shortcut = outputs
        return shortcut + (branch if self.scale == 1 else self.scale * branch)


class Concat(Container):
    """Branches of layers that take the same input, beside each other along dim.

    Formula: y = cat(branches[0](x), …, branches[n - 1](x))
    Source: torch.cat; Szegedy et al.: Going deeper with convolutions, CVPR 2015
    """

    type: Literal["Concat"]
    branches: tuple[tuple[NetworkEntry, ...], ...] = Field(
        description="The layers of each branch; their names begin with that of the container and the number "
        "of the branch. An empty branch is x itself.",
        examples=[[[{"type": "ReLU"}], []]],
    )
    dim: int = Field(
        default=1, description="The axis along which they stand beside each other.", examples=[1]
    )

    @classmethod
    def read_branches(cls, entry: dict[str, Any]) -> Iterator[Branch]:
        """Every branch; one that is no list where they are none."""
        given = entry.get("branches")
        if not isinstance(given, list):
            yield Branch(("branches",), "", given)
            return
        for index, entries in enumerate(given):
            yield Branch(("branches", index), f"{index}.", entries, needs_layers=False)

    @classmethod
    def without_layers(cls, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry without branches."""
        return {**entry, "branches": []}

    def check_inputs(self, shapes: Sequence[Shape]) -> None:
        """Shapes that are equal but for the axis."""
        first = shapes[0]
        check_axis("dim", self.dim, first)
        axis = self.dim % len(first)
        others = [shape[:axis] + shape[axis + 1 :] if len(shape) == len(first) else shape for shape in shapes]
        odd = next((i for i, other in enumerate(others) if other != others[0]), None)
        if odd is not None:
            detail = f"has branches with the outputs {list(first)} and {list(shapes[odd])}"
            raise ValueError(f"{detail}: they have to be equal but for axis {axis}")

    def join(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """The outputs beside each other."""
        import torch

        return torch.cat(tuple(outputs), self.dim)


AnyContainer = Annotated[Sequential | Residual | Concat, Field(discriminator="type")]
NetworkEntry = AnyEntry | AnyModule | AnyContainer
"""Everything that the `layers` of an evaluation can hold."""

CONTAINERS: dict[str, type[Container]] = {cls.type_name(): cls for cls in get_args(get_args(AnyContainer)[0])}
"""The class of every `type` that holds layers."""

for _container in CONTAINERS.values():
    _container.model_rebuild()
