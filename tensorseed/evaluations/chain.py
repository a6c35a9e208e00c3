"""The layers of an evaluation, from their JSON to the chain in which they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorseed.errors import TooLargeError
from tensorseed.evaluations.validation import validate
from tensorseed.spec.faults import Located
from tensorseed.spec.layers import LAYERS, Layer
from tensorseed.spec.layers.exclusions import EXCLUDED
from tensorseed.spec.modules import EXCLUDED_MODULES, MODULES, StatelessModule
from tensorseed.spec.names import check_name, count_names, expand_blocks
from tensorseed.spec.schemes import PartError
from tensorseed.spec.suggestions import unknown_name

MAX_LAYERS = 1_024  # of one network, brace ranges expanded

NetworkLayer = Layer | StatelessModule

TYPES = [*(name for name, cls in LAYERS.items() if cls.exclusion is None), *MODULES]
"""Every type of layer that a network can hold."""


@dataclass(frozen=True, slots=True)
class Node:
    """A layer in its place: its name, its index in the request's `layers`, and what it is."""

    name: str
    place: int
    layer: NetworkLayer

    @property
    def kind(self) -> str:
        """Its type."""
        return self.layer.type_name()

    @property
    def called(self) -> str:
        """How sentences call it."""
        return f"{self.name} ({self.kind})"


def read_plain(entries: list[Any], faults: list[Located]) -> dict[int, NetworkLayer]:
    """The modules without parameters, by index; types that no network has are noted as faults."""
    found: dict[int, NetworkLayer] = {}
    for place, entry in enumerate(entries):
        path = ("layers", place)
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(entry, dict):
            faults.append((path, "a layer must be an object with type"))
        elif not isinstance(kind, str):
            faults.append(((*path, "type"), "type is required: the name of a torch.nn class"))
        elif kind in MODULES:
            module = validate(MODULES[kind], entry, path, faults)
            if module is not None:
                _check(module, path, faults)
                found[place] = module
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
    """Note what the model alone does not tell: arguments that do not fit each other, the name's ranges."""
    try:
        module.check_arguments()
    except PartError as error:
        faults.append(((*path, *error.path), str(error)))
    if module.name is not None:
        try:
            check_name(module.name)
        except ValueError as error:
            faults.append(((*path, "name"), str(error)))


def check_length(entries: list[Any]) -> None:
    """Raise TooLargeError for more layers than a network has, brace ranges counted and not expanded."""
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
    """The chain: brace ranges expanded, blocks repeated, every layer named once."""
    nodes = []
    named = [(layer.name or "", place) for place, layer in enumerate(layers)]
    for position, (name, place) in enumerate(expand_blocks(named)):
        full = name or f"{position}.{layers[place].type_name()}"
        nodes.append(Node(full, place, layers[place]))
    owners: dict[str, Node] = {}
    for node in nodes:
        first = owners.setdefault(node.name, node)
        if first is not node:
            detail = f"layers {first.place} and {node.place} are both called {node.name}: rename one of them"
            faults.append((("layers", node.place, "name"), detail))
            break
    return tuple(nodes)
