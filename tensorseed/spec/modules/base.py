"""Base class of modules without tensors: builds torch's by arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tensorseed.spec.layers.base import COLLAPSE_EQUAL, Arguments, Count, Positive
from tensorseed.spec.layers.network_module import Computation, NetworkModule

if TYPE_CHECKING:
    import torch

Window1 = Annotated[Positive | tuple[Positive], COLLAPSE_EQUAL]
Window2 = Annotated[Positive | tuple[Positive, Positive], COLLAPSE_EQUAL]
Window3 = Annotated[Positive | tuple[Positive, Positive, Positive], COLLAPSE_EQUAL]
Size1 = Annotated[Count | tuple[Count], COLLAPSE_EQUAL]
Size2 = Annotated[Count | tuple[Count, Count], COLLAPSE_EQUAL]
Size3 = Annotated[Count | tuple[Count, Count, Count], COLLAPSE_EQUAL]


class StatelessModule(Arguments, NetworkModule):
    """Base of the modules of torch.nn that own no tensor, with that class's arguments and defaults."""

    computation = Computation.WINDOWS

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Its name; its place and type, as in 1.ReLU, if left out. Brace ranges repeat it.",
        examples=["act"],
    )
    type: str

    def feature_axis(self) -> int | None:
        """The axis of the input."""
        return None

    def check_arguments(self) -> None:
        """Check that the arguments fit each other.

        Raises:
            ArgumentError: one does not.
        """

    def build(self, **_factory: Any) -> torch.nn.Module:
        """The real module. It has no tensors, so no dtype and no device.

        `inplace` changes no result and is left out, since reports need what was before.
        """
        import torch

        arguments = {name: value for name, value in self.arguments().items() if name != "inplace"}
        module: torch.nn.Module = getattr(torch.nn, self.type_name())(**arguments)
        return module


class TorchFunction(StatelessModule):
    """Base of the modules that are a function of torch, and no class of torch.nn."""

    def build(self, **_factory: Any) -> torch.nn.Module:
        """An empty module: `forward` computes."""
        import torch

        return torch.nn.Identity()
