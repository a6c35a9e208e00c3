"""What every request shares: the settings, the worker, and the files opened lately."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from cachetools import LRUCache
from starlette.requests import Request

from tensorseed.checkpoints.derivation import Derivations
from tensorseed.checkpoints.library import Library, folders
from tensorseed.errors import DeviceError
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.sampling.executors import portability
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import SEED_COUNT
from tensorseed.spec.spec_token import decode_token, encode_token

from ..hub.library import Shelf
from ..settings import Settings
from ..telemetry import file_attributes, span, spec_attributes
from ..worker.metrics_hooks import NO_METRICS, WorkerMetrics
from ..worker.worker import Worker
from .concurrency_limit import Admission
from .flights import Flights

T = TypeVar("T")

SHORT_QUERY = 512  # bytes: parsed within a tenth of a millisecond
DIGESTS_KEPT = 16 << 20  # bytes of digests computed lately, as JSON
QUERIES = 1_024  # short queries whose files are remembered, each of one tensor
DERIVATIONS = 8  # recipes derived at a time, all but one of them waiting
_SEED = re.compile("[0-9]{1,20}", re.ASCII)

HEADER_BYTES_A_TENSOR = 256  # of a file's header, weighed as one tensor: literal values live there


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A virtual file and the token that names it; no token where it would be too long for a URL."""

    file: VirtualFile
    token: str | None


def weigh(opened: OpenFile) -> int:
    """What remembering a file costs, in tensors. Generator torch also remembers the name of every entry."""
    resolved = opened.file.resolved
    names = sum(len(step.names) for step in resolved.steps)
    return len(resolved.tensors) + names + len(opened.file.header) // HEADER_BYTES_A_TENSOR + 1


class State:
    """The state of one application. Nothing here outlives the process or decides what is answered."""

    def __init__(
        self,
        settings: Settings,
        metrics: WorkerMetrics = NO_METRICS,
    ) -> None:
        self.settings = settings
        self.limits: Limits = settings.limits()
        if settings.portable_kernels:
            portability.target()
        self.worker = Worker(
            settings.thread_count(),
            settings.chunk_bytes,
            settings.window,
            settings.cache_folder(),
            settings.materialised_bytes,
            metrics=metrics,
        )
        self.library = Shelf(open_library(settings), self.worker, settings.thread_count())
        self.derivations = Derivations(settings.recipe_seconds)
        self.deriving = Admission(DERIVATIONS, "derives recipes")
        self.admission = Admission(settings.streams, "streams files")
        self.computing = Admission(settings.evaluations, "computes evaluations and losses")
        self.digests = Flights(DIGESTS_KEPT)
        self.ready = False
        self.draining = False
        self.under_way = 0  # requests for work
        self._queries: LRUCache[bytes, OpenFile] = LRUCache(QUERIES if settings.cache_tensors else 0)
        self._unseeded: LRUCache[tuple[tuple[str, str], ...], ResolvedSpec] = LRUCache(
            QUERIES if settings.cache_tensors else 0
        )
        self._files: LRUCache[str, OpenFile] = LRUCache(settings.cache_tensors, weigh)

    def open_query(
        self,
        parse: Callable[[Mapping[str, str], Limits], ResolvedSpec],
        raw: bytes,
        parameters: Mapping[str, str],
    ) -> OpenFile | None:
        """The file of a short query, opened here and now; None for a long one, which `open_spec` opens."""
        if len(raw) > SHORT_QUERY:
            return None
        known = self._queries.get(raw)
        if known is None:
            known = _named(self._resolve(parse, parameters), self.limits)
            if self._queries.maxsize:
                self._queries[raw] = known
        return known

    def _resolve(
        self, parse: Callable[[Mapping[str, str], Limits], ResolvedSpec], parameters: Mapping[str, str]
    ) -> ResolvedSpec:
        """The spec of a query; one that differs from an earlier one in its seed alone is not parsed again."""
        rest = tuple(sorted((name, value) for name, value in parameters.items() if name != "seed"))
        seed = parameters.get("seed", "0")
        known = self._unseeded.get(rest)
        if known is not None and _SEED.fullmatch(seed) and int(seed) < SEED_COUNT:
            return known.reseeded(int(seed))
        with span("parse") as parsing:
            resolved = parse(parameters, self.limits)
            parsing.set_attributes(spec_attributes(resolved))
        if resolved.torch is None and self._unseeded.maxsize:
            self._unseeded[rest] = resolved
        return resolved

    async def open_spec(self, parse: Callable[[T, Limits], ResolvedSpec], source: T) -> OpenFile:
        """The file of the spec that `parse` makes of a body or a query."""
        with span("parse") as parsing:
            opened = await self.worker.run(_open_spec, parse, source, self.limits)
            parsing.set_attributes(file_attributes(opened.file))
        resolved = opened.file.resolved  # a token leaves out the device that one request asked for
        if resolved.device == ("auto" if resolved.torch is None else resolved.torch.device):
            self._remember(opened)
        return opened

    async def open_token(self, token: str) -> OpenFile:
        """The file that `token` names. Raises UnknownNameError."""
        known = self._files.get(token)
        if known is not None:
            return known
        with span("parse") as parsing:
            opened = await self.worker.run(_open_token, token, self.limits)
            parsing.set_attributes(file_attributes(opened.file))
        self._remember(opened)
        return opened

    async def missing_device(self, device: str) -> str | None:
        """What to say of a device that this host lacks, or that failed; None for one that computes."""
        try:
            await self.worker.device(device)
        except DeviceError as error:
            return str(error)
        return None

    def _remember(self, opened: OpenFile) -> None:
        if opened.token is not None and weigh(opened) <= self._files.maxsize:
            self._files[opened.token] = opened


def open_library(settings: Settings) -> Library:
    """The recipes that the settings name. Raises RecipeError."""
    return Library(
        folders(settings.recipes),
        settings.limits(),
        settings.shard_bytes,
        cache_tensors=settings.cache_tensors,
        recipe_seconds=settings.recipe_seconds,
    )


def _open_spec(parse: Callable[[T, Limits], ResolvedSpec], source: T, limits: Limits) -> OpenFile:
    return _named(parse(source, limits), limits)


def _open_token(token: str, limits: Limits) -> OpenFile:
    return _opened(decode_token(token, limits), token)


def _named(resolved: ResolvedSpec, limits: Limits) -> OpenFile:
    token = encode_token(resolved)
    return _opened(resolved, token if len(token) <= limits.token_chars else None)


def _opened(resolved: ResolvedSpec, token: str | None) -> OpenFile:
    file = open_file(resolved)
    _ = file.digest  # known before the event loop asks for it
    return OpenFile(file, token)


def state_of(request: Request) -> State:
    """The state of the application that serves `request`."""
    state: State = request.app.state.shared
    return state
