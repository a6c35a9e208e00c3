"""Chain of layers that an evaluation runs, read from JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorseed.errors import TooLargeError
from tensorseed.evaluations.fields import validate
from tensorseed.spec.faults import Located
from tensorseed.spec.layers import LAYERS, Layer
from tensorseed.spec.layers.exclusions import EXCLUDED
from tensorseed.spec.modules import EXCLUDED_MODULES, MODULES, StatelessModule
from tensorseed.spec.names import check_name, count_names, expand_blocks
from tensorseed.spec.schemes import ArgumentError
from tensorseed.suggestions import misnamed_choice, unknown_name

MAX_LAYERS = 1_024  # of one network, brace ranges expanded

NetworkLayer = Layer | StatelessModule

TYPES = [*(name for name, cls in LAYERS.items() if cls.exclusion is None), *MODULES]
"""Every type of layer that a network can hold."""


@dataclass(frozen=True, slots=True)
class Node:
    """A layer of the chain: its full name, and its index in the request's `layers`."""

    name: str
    index: int
    layer: NetworkLayer

    @property
    def type(self) -> str:
        """Its type."""
        return self.layer.type_name()

    @property
    def title(self) -> str:
        """The name and type, for messages."""
        return f"{self.name} ({self.type})"


def read_plain(entries: list[Any], faults: list[Located]) -> dict[int, NetworkLayer]:
    """Read the modules without tensors, by index; a type that no network can hold is a fault."""
    found: dict[int, NetworkLayer] = {}
    for index, entry in enumerate(entries):
        path = ("layers", index)
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(entry, dict):
            faults.append((path, "a layer must be an object with type"))
        elif other := misnamed_choice({**entry, "name": None}, "type"):
            faults.append(((*path, other[0]), other[1]))
        elif not isinstance(kind, str):
            faults.append(((*path, "type"), "type is required: the name of a torch.nn class"))
        elif kind in MODULES:
            module = validate(MODULES[kind], entry, path, faults)
            if module is not None:
                _check(module, path, faults)
                found[index] = module
        elif reason := _exclusion(kind):
            faults.append(((*path, "type"), f"there is no {kind} here: {reason}"))
        elif kind not in LAYERS:
            faults.append(((*path, "type"), unknown_name("layer type", kind, TYPES)))
    return found


def _exclusion(kind: str) -> str | None:
    """The reason why no network can hold a torch.nn class, as a clause; None where one can."""
    if kind in LAYERS:
        return LAYERS[kind].exclusion
    return EXCLUDED_MODULES.get(kind) or EXCLUDED.get(kind)


def _check(module: Any, path: tuple[str | int, ...], faults: list[Located]) -> None:
    """Add the faults that a model's fields do not show: arguments that conflict, and the name's ranges."""
    try:
        module.check_arguments()
    except ArgumentError as error:
        faults.append(((*path, *error.path), str(error)))
    if module.name is not None:
        try:
            check_name(module.name)
        except ValueError as error:
            faults.append(((*path, "name"), str(error)))


def check_length(entries: list[Any]) -> None:
    """Check the number of layers, with brace ranges counted and not expanded.

    Raises:
        TooLargeError: the network has more than `MAX_LAYERS`.
    """
    if len(entries) <= MAX_LAYERS:
        names = [entry.get("name") for entry in entries if isinstance(entry, dict)]
        total = len(entries) + sum(_copies(name) - 1 for name in names if isinstance(name, str))
    else:
        total = len(entries)
    if total > MAX_LAYERS:
        raise TooLargeError(
            f"the network has {total:,} layers, the limit is {MAX_LAYERS:,}: evaluate a part of it"
        )


def _copies(name: str) -> int:
    try:
        check_name(name)
    except ValueError:
        return 1
    return count_names(name)


def unroll(layers: list[NetworkLayer], faults: list[Located]) -> tuple[Node, ...]:
    """Expand the brace ranges into the chain, in which each name stands for one layer."""
    nodes = []
    named = [(layer.name or "", index) for index, layer in enumerate(layers)]
    for position, (name, index) in enumerate(expand_blocks(named)):
        full = name or f"{position}.{layers[index].type_name()}"
        nodes.append(Node(full, index, layers[index]))
    owners: dict[str, Node] = {}
    for node in nodes:
        first = owners.setdefault(node.name, node)
        if first is not node:
            detail = f"layers {first.index} and {node.index} are both called {node.name}: rename one of them"
            faults.append((("layers", node.index, "name"), detail))
            break
    return tuple(nodes)
