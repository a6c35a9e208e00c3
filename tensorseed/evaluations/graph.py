"""Graph of layers that an evaluation runs, read from JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from tensorseed.errors import TooLargeError
from tensorseed.evaluations.containers import CONTAINERS, MAX_DEPTH, Container
from tensorseed.evaluations.fields import validate
from tensorseed.evaluations.variants import place_of
from tensorseed.spec.faults import Located
from tensorseed.spec.json.pointers import Path, pointer
from tensorseed.spec.layers import LAYERS, Layer
from tensorseed.spec.layers.exclusions import EXCLUDED
from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.modules import EXCLUDED_MODULES, MODULES, StatelessModule
from tensorseed.spec.names import check_name, count_names, expand_blocks
from tensorseed.spec.schemes import ArgumentError
from tensorseed.suggestions import misnamed_choice, unknown_name

MAX_LAYERS = 1_024  # of one network, brace ranges expanded

NetworkLayer = Layer | StatelessModule | Container

TYPES = [*(name for name, cls in LAYERS.items() if cls.exclusion is None), *MODULES]
"""Every type of layer that a network can hold, but for those that hold layers."""

INPUT = -1
"""The source of a layer that takes the network's input."""
ROOT: Path = ("layers",)


@dataclass(frozen=True, slots=True)
class Node:
    """A layer of the graph: its full name, its path in the request, and the nodes whose outputs it takes.

    `sources` are indices of nodes before it. `scope` names the branches that it stands in, the outermost
    first. The layers of a container stand before it, from the index `first` on.
    """

    name: str
    path: Path
    layer: NetworkLayer
    sources: tuple[int, ...] = (INPUT,)
    scope: tuple[str, ...] = ()
    first: int = 0

    @property
    def type(self) -> str:
        """Its type."""
        return self.layer.type_name()

    @property
    def title(self) -> str:
        """The name and type, for messages."""
        return f"{self.name} ({self.type})"

    @property
    def pointer(self) -> str:
        """Its place in the request."""
        return pointer(self.path)

    def check_inputs(self, shapes: Sequence[Shape], *, training: bool) -> None:
        """Check that inputs of these shapes fit.

        Raises:
            ValueError: they do not. The sentence continues the layer's name.
        """
        if isinstance(self.layer, Container):
            self.layer.check_inputs(shapes)
            return
        self.layer.check_input(shapes[0])
        if training:
            self.layer.check_training_input(shapes[0])

    def forward(self, module: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """The output of `module`, the layer's real module."""
        if isinstance(self.layer, Container):
            return self.layer.join(inputs)
        return self.layer.forward(module, inputs[0])


class Member(NamedTuple):
    """An entry of the request at any depth, as sent. `prefix` is what its name is to begin with."""

    path: Path
    prefix: str
    entry: Any


def walk(entries: list[Any], path: Path = ROOT, prefix: str = "", depth: int = 0) -> Iterator[Member]:
    """Every entry, a container before its layers, to the depth that is allowed."""
    for index, entry in enumerate(entries):
        where = (*path, index)
        yield Member(where, prefix, entry)
        for branch in _branches(entry) if depth < MAX_DEPTH else ():
            if isinstance(branch.entries, list):
                inner = f"{prefix}{entry.get('name')}.{branch.prefix}"
                yield from walk(branch.entries, (*where, *branch.path), inner, depth + 1)


def _branches(entry: Any) -> Iterator[Any]:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if isinstance(kind, str) and kind in CONTAINERS:
        yield from CONTAINERS[kind].read_branches(entry)


def read_plain(members: Sequence[Member], faults: list[Located]) -> dict[Path, NetworkLayer]:
    """Read the modules without tensors and the containers, by path.

    A type that no network can hold is a fault.
    """
    found: dict[Path, NetworkLayer] = {}
    for path, _, entry in members:
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(entry, dict):
            faults.append((path, "a layer must be an object with type"))
        elif other := misnamed_choice({**entry, "name": None}, "type"):
            faults.append(((*path, other[0]), other[1]))
        elif not isinstance(kind, str):
            faults.append(((*path, "type"), "type is required: the name of a torch.nn class"))
        elif kind in CONTAINERS:
            _check_layers(entry, path, faults)
            shell = CONTAINERS[kind].without_layers(entry)
            _keep(validate(CONTAINERS[kind], shell, path, faults), path, found, faults)
        elif kind in MODULES:
            _keep(validate(MODULES[kind], entry, path, faults), path, found, faults)
        elif reason := _exclusion(kind):
            faults.append(((*path, "type"), f"there is no {kind} here: {reason}"))
        elif kind not in LAYERS:
            faults.append(((*path, "type"), unknown_name("layer type", kind, [*TYPES, *CONTAINERS])))
    return found


def _exclusion(kind: str) -> str | None:
    """The reason why no network can hold a torch.nn class, as a clause; None where one can."""
    if kind in LAYERS:
        return LAYERS[kind].exclusion
    return EXCLUDED_MODULES.get(kind) or EXCLUDED.get(kind)


def _check_layers(entry: dict[str, Any], path: Path, faults: list[Located]) -> None:
    """Add the faults of a container's lists."""
    lists = list(_branches(entry))
    if not lists:
        faults.append(((*path, "branches"), "a Concat has at least one branch: add one"))
    if sum(isinstance(part, str) for part in path) > MAX_DEPTH:
        detail = f"containers are nested at most {MAX_DEPTH} deep: write the layers of this one above it"
        faults.append((path, detail))
    for branch in lists:
        where, name = (*path, *branch.path), branch.path[0]
        if branch.entries is None:
            faults.append((where, f"{name} is required: a list of layers"))
        elif not isinstance(branch.entries, list):
            faults.append((where, f"{name} must be a list of layers"))
        elif branch.needs_layers and not branch.entries:
            instead = ", or leave it out" if name == "shortcut" else ""
            faults.append((where, f"{name} has at least one layer: add one{instead}"))


def _keep(
    module: StatelessModule | Container | None,
    path: Path,
    found: dict[Path, NetworkLayer],
    faults: list[Located],
) -> None:
    """Add a module to those found, and the faults that its fields do not show."""
    if module is None:
        return
    try:
        module.check_arguments()
    except ArgumentError as error:
        faults.append(((*path, *error.path), str(error)))
    if module.name is not None:
        try:
            check_name(module.name)
        except ValueError as error:
            faults.append(((*path, "name"), str(error)))
    found[path] = module


def check_length(entries: list[Any]) -> None:
    """Check the number of layers, with brace ranges counted and not expanded.

    Raises:
        TooLargeError: the network has more than `MAX_LAYERS`.
    """
    total = _count(entries, 0)
    if total > MAX_LAYERS:
        raise TooLargeError(
            f"the network has {total:,} layers, the limit is {MAX_LAYERS:,}: evaluate a part of it"
        )


def _count(entries: list[Any], depth: int) -> int:
    """The number of layers, with containers; a list that is too long by itself is not looked into."""
    if len(entries) > MAX_LAYERS:
        return len(entries)
    total = 0
    for entry in entries:
        inside = 1
        for branch in _branches(entry) if depth < MAX_DEPTH else ():
            inside += _count(branch.entries, depth + 1) if isinstance(branch.entries, list) else 0
        name = entry.get("name") if isinstance(entry, dict) else None
        total += inside * (_copies(name) if isinstance(name, str) else 1)
    return total


def _copies(name: str) -> int:
    try:
        check_name(name)
    except ValueError:
        return 1
    return count_names(name)


def unroll(
    entries: list[Any], layers: Mapping[Path, NetworkLayer], faults: list[Located]
) -> tuple[Node, ...]:
    """Expand the brace ranges and the containers into the graph, in which each name stands for one layer.

    `entries` are those of the request, and `layers` their models by path.
    """
    graph = _Graph(layers)
    graph.add_chain(entries, ROOT, "", INPUT, ())
    owners: dict[str, Node] = {}
    for node in graph.nodes:
        first = owners.setdefault(node.name, node)
        if first is not node:
            both = f"layers {place_of(first.path)} and {place_of(node.path)} are both called {node.name}"
            faults.append(((*node.path, "name"), f"{both}: rename one of them"))
            break
    return tuple(graph.nodes)


def last_uses(nodes: Sequence[Node]) -> list[list[int]]:
    """For each node the sources that no later one takes."""
    last = {source: index for index, node in enumerate(nodes) for source in node.sources}
    found: list[list[int]] = [[] for _ in nodes]
    for source, index in last.items():
        found[index].append(source)
    return found


class _Graph:
    """Nodes in the order in which they run."""

    def __init__(self, layers: Mapping[Path, NetworkLayer]) -> None:
        self.nodes: list[Node] = []
        self._layers = layers

    def add_chain(
        self, entries: list[Any], path: Path, prefix: str, source: int, scope: tuple[str, ...]
    ) -> int:
        """Add the layers of the list at `path`, and return the index of the last one."""
        named = [(entry.get("name") or "", index) for index, entry in enumerate(entries)]
        for position, (name, index) in enumerate(expand_blocks(named)):
            layer = self._layers[*path, index]
            full = prefix + (name or f"{position}.{layer.type_name()}")
            source = self._add(layer, entries[index], Node(full, (*path, index), layer, (source,), scope))
        return source

    def _add(self, layer: NetworkLayer, entry: Any, node: Node) -> int:
        """Add a layer, a container behind the layers that it holds, and return the index of its output."""
        if isinstance(layer, Container):
            first, ends, (source,) = len(self.nodes), [], node.sources
            for branch in layer.read_branches(entry):
                prefix = f"{node.name}.{branch.prefix}"
                scope = (*node.scope, prefix) if layer.joins else node.scope
                where = (*node.path, *branch.path)
                ends.append(self.add_chain(branch.entries, where, prefix, source, scope))
            if not layer.joins:
                return ends[0]
            node = replace(node, sources=layer.sources(ends, source), first=first)
        self.nodes.append(node)
        return len(self.nodes) - 1
