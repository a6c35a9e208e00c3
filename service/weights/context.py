"""Context of the weights routes: virtual files by spec, query or token."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from cachetools import LRUCache

from tensorseed.concurrency.single_flight import AsyncSingleFlightCache
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.expansion import TENSOR_BYTES
from tensorseed.spec.limits import Limits
from tensorseed.spec.numbers import SEED_COUNT
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec_token import decode_token, encode_token
from tensorseed.spec.spellings.names import device_name, generator_name
from tensorseed.spec.spellings.values import unquoted
from tensorseed.spec.torch_identity import kernels_known

from ..http.concurrency_limit import ConcurrencyLimit
from ..http.context import Context
from ..http.errors import Limit
from ..http.memory import MemoryLease
from ..settings import Settings
from ..telemetry import file_attributes, span, spec_attributes
from ..worker.worker import Worker

DIGEST_CACHE_BYTES = 16 << 20  # of digests as JSON
MAX_HASHING = 32  # requests that wait for digests


@dataclass(frozen=True, slots=True)
class WeightsContext(Context):
    """The objects that requests for weights share."""

    name = "weights"

    streams: ConcurrencyLimit
    files: OpenFiles
    digests: AsyncSingleFlightCache[bytes]
    hashing: ConcurrencyLimit

    @classmethod
    def create(cls, settings: Settings, worker: Worker, streams: ConcurrencyLimit) -> WeightsContext:
        """The context of one application."""
        limits = settings.limits()
        most = settings.memory_bytes // CACHE_SHARE // TENSOR_BYTES
        files = OpenFiles(worker, limits, min(settings.cache_tensors, most))
        digests: AsyncSingleFlightCache[bytes] = AsyncSingleFlightCache(DIGEST_CACHE_BYTES, len)
        hashing = ConcurrencyLimit(Limit.DIGESTS, MAX_HASHING, "computes digests")
        return cls(settings, limits, worker, streams, files, digests, hashing)


P = ParamSpec("P")
T = TypeVar("T")

SHORT_QUERY = 512  # bytes: parsed within a tenth of a millisecond
MAX_QUERIES = 1_024  # whose specs are cached without their seeds: 0.1 ms less for a query with a new seed
CACHE_SHARE = 2  # of the memory of requests: one part in so many is for cached files

_SEED = re.compile("[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A virtual file and its token; no token where it would be too long for a URL."""

    file: VirtualFile
    token: str | None

    @property
    def nbytes(self) -> int:
        """The memory of it, estimated."""
        return self.file.resolved.nbytes + 2 * len(self.file.header)


def weigh(opened: OpenFile) -> int:
    """The cost of a cached file, in plain tensors."""
    return opened.nbytes // TENSOR_BYTES + 1


class OpenFiles:
    """Opens files and caches those with a token, up to `cache_tensors` in weight. For one event loop."""

    def __init__(self, worker: Worker, limits: Limits, cache_tensors: int) -> None:
        self._worker = worker
        self._limits = limits
        self._files: LRUCache[str, OpenFile] = LRUCache(cache_tensors, weigh)
        self._seedless: LRUCache[tuple[tuple[str, str], ...], ResolvedSpec] = LRUCache(
            MAX_QUERIES if cache_tensors else 0
        )

    @property
    def cached(self) -> int:
        """The number of cached files."""
        return len(self._files)

    def clear(self) -> None:
        """Forget the cached files. A thread frees them, since that takes long for very many tensors."""
        files, self._files = self._files, LRUCache(self._files.maxsize, weigh)
        asyncio.get_running_loop().run_in_executor(None, files.clear)

    def by_query(
        self,
        parse: Callable[[Mapping[str, str], Limits], ResolvedSpec],
        raw: bytes,
        parameters: Mapping[str, str],
    ) -> OpenFile | None:
        """The file of a short query, opened on the event loop; None for one that takes longer to open.

        Parsing takes less time than handing the query to a thread.
        """
        if len(raw) > SHORT_QUERY or _measures_torch(parameters):
            return None
        seedless = tuple(sorted((name, value) for name, value in parameters.items() if name != "seed"))
        parsed = self._seedless.get(seedless)
        seed = parameters.get("seed", "0")
        if parsed is not None and _SEED.fullmatch(seed) and int(seed) < SEED_COUNT:
            return _name(parsed.reseeded(int(seed)), self._limits)
        with span("parse") as parsing:
            resolved = parse(parameters, self._limits)
            parsing.set_attributes(spec_attributes(resolved))
        if resolved.torch is None and self._seedless.maxsize:
            self._seedless[seedless] = resolved
        return _name(resolved, self._limits)

    async def by_spec(
        self, parse: Callable[[T, Limits], ResolvedSpec], source: T, lease: MemoryLease
    ) -> OpenFile:
        """The file of the spec that `parse` makes of a body or a query.

        Raises:
            BusyError: The memory for it is in use.
            TooLargeError: It exceeds a limit, or the memory of all requests.
        """
        with span("parse") as parsing:
            opened = await self._worker.run(_leased, lease, _open_spec, parse, source, self._limits)
            parsing.set_attributes(file_attributes(opened.file))
        resolved = opened.file.resolved  # a token leaves out the device and the rules of a single request
        is_usual = resolved.device == ("auto" if resolved.torch is None else resolved.torch.device)
        if is_usual and not resolved.unused_rules:
            self._cache(opened)
        return opened

    async def by_token(self, token: str, lease: MemoryLease) -> OpenFile:
        """The file that `token` names.

        Raises:
            UnknownNameError: The token is not valid.
            BusyError: The memory for it is in use.
            TooLargeError: It exceeds a limit, or the memory of all requests.
        """
        cached = self._files.get(token)
        if cached is not None:
            return cached
        with span("parse") as parsing:
            opened = await self._worker.run(_leased, lease, _open_token, token, self._limits)
            parsing.set_attributes(file_attributes(opened.file))
        self._cache(opened)
        return opened

    def _cache(self, opened: OpenFile) -> None:
        if opened.token is not None and weigh(opened) <= self._files.maxsize:
            self._files[opened.token] = opened


def _measures_torch(parameters: Mapping[str, str]) -> bool:
    """Whether a query is the first of generator torch for its device, whose kernels take long to measure."""
    device = device_name(unquoted(parameters.get("device", "auto")))
    by_torch = generator_name(unquoted(parameters.get("generator", ""))) == "torch"
    return by_torch and not kernels_known("cpu" if device == "auto" else device)


def _leased(lease: MemoryLease, make: Callable[P, OpenFile], *args: P.args, **kwargs: P.kwargs) -> OpenFile:
    """A file whose memory is taken until it is freed, however many requests share it."""
    with lease.reserving():
        opened = make(*args, **kwargs)
    lease.hand_over(opened.nbytes, opened.file)
    return opened


def _open_spec(parse: Callable[[T, Limits], ResolvedSpec], source: T, limits: Limits) -> OpenFile:
    return _name(parse(source, limits), limits)


def _name(resolved: ResolvedSpec, limits: Limits) -> OpenFile:
    token = encode_token(resolved) if len(resolved.recipe) <= limits.token_chars else None
    return _open(resolved, token if token is None or len(token) <= limits.token_chars else None)


def _open_token(token: str, limits: Limits) -> OpenFile:
    return _open(decode_token(token, limits), token)


def _open(resolved: ResolvedSpec, token: str | None) -> OpenFile:
    file = open_file(resolved)
    _ = file.digest  # cached here, so that the event loop does not compute it
    return OpenFile(file, token)
