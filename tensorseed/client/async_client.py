"""Client of the service for an event loop of asyncio."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote

import httpx

from tensorseed.client import begins_as_url
from tensorseed.client.array_arguments import fetch_lazy
from tensorseed.client.download import Options, fetch_file, find
from tensorseed.client.errors import RefusedError
from tensorseed.client.http.answers import AnswerError, one_line, read_document, read_list
from tensorseed.client.http.arguments import (
    checked_count,
    checked_function,
    checked_key,
    checked_urls,
    without_userinfo,
)
from tensorseed.client.http.remote import JSON, OCTETS, Remote
from tensorseed.client.http.retries import Backoff
from tensorseed.client.losses import MAX_FILE_BYTES, WORK_SECONDS, LossResult, read_arrays, request_loss
from tensorseed.client.remote_reader import RemoteReader
from tensorseed.client.remote_weights import AsyncWeights, RemoteWeights
from tensorseed.client.service_recipes import RECIPES, recipe_spec
from tensorseed.client.source import Source, read_input, read_source
from tensorseed.devices.local import LIMITS, local_settings
from tensorseed.evaluations.display import EvaluationReport
from tensorseed.files.arrays import json_text
from tensorseed.spec.json.values import dtype_text, to_json
from tensorseed.spec.spec import in_dtype, parse_spec
from tensorseed.spec.spec_token import recipe_of
from tensorseed.spec.spellings.names import dtype_name
from tensorseed.weights.base import Weights
from tensorseed.weights.spec_reading import SpecSource, kind_of

EVALUATIONS = "/v1/evaluations"
_EVALUATION = "give a dict with layers and input, its JSON text or a path"
_LOCATION = re.compile(rf"(?:/[!-~]+)?{EVALUATIONS}/e1\.[A-Za-z0-9_-]+")

POOL = 32  # connections of a client, which concurrent callers share


class AsyncClient:
    """Asks a service: its verbs are those of `Client`, each awaitable.

        async with tensorseed.AsyncClient("http://127.0.0.1:8000") as client:
            weights = await client.open({"layers": [...]})
            rows = await weights["fc.weight"][:10]

    Several URLs are servers of one version, which share the work.
    Requests that a server is too busy for, or whose connections break, are sent again.
    Every event loop that uses the client has its own connections.
    """

    def __init__(
        self,
        *urls: str,
        key: str | None = None,
        connections: int = 4,
        attempts: int = 8,
        backoff: Callable[[int], Backoff] = Backoff,
    ) -> None:
        """Prepare to ask the servers at `urls`; the arguments and errors are those of `Client`."""
        self._urls = checked_urls(urls)
        self._key = checked_key(key)
        self._connections = checked_count("connections", connections)
        self._backoff = partial(checked_function("backoff", backoff), checked_count("attempts", attempts))
        self._remotes: dict[asyncio.AbstractEventLoop, Remote] = {}
        self._closed = False
        self._recreate = partial(
            type(self), *urls, key=key, connections=connections, attempts=attempts, backoff=backoff
        )

    def __reduce__(self) -> tuple[Callable[[], AsyncClient], tuple[()]]:
        return self._recreate, ()  # a process that is sent a client makes its own connections

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(without_userinfo(url)) for url in self._urls)})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections of this event loop; the client takes no more requests."""
        self._closed = True
        remote = self._remotes.pop(asyncio.get_running_loop(), None)
        if remote is not None:
            await remote.close()

    async def open(self, spec: SpecSource, *, dtype: Any = None) -> AsyncWeights:
        """Open the weights of a spec as a lazy mapping; see `Client.open`."""
        return AsyncWeights(await self.reader(spec, dtype))

    async def plan(self, spec: SpecSource) -> dict[str, Any]:
        """Return the plan of a spec; see `Client.plan`."""
        source = await self._source(spec)
        if source.spec is not None:
            return await self._remote().plan_document(source.spec)
        recipe = recipe_of(source.token) if source.token is not None else None
        if recipe is not None:
            return await self._remote().plan_document(recipe)
        return await (await self.reader(spec)).plan()

    async def recipes(self) -> list[dict[str, Any]]:
        """Return the recipes of the service; see `Client.recipes`."""
        return await self._remote().answer(
            "GET", RECIPES, lambda content, _: read_list(content), {"Accept": JSON}
        )

    async def fetch(
        self,
        spec: SpecSource,
        path: str | os.PathLike[str],
        *,
        verify: bool = True,
        restart: bool = False,
        force: bool = False,
    ) -> int:
        """Download a file; see `Client.fetch`."""
        source = await self._source(spec)
        options = Options(
            Path(path),
            local_settings,
            self._connections,
            verify=verify,
            restart=restart,
            force=force,
            quiet=True,
        )
        options.target(source).check()
        remote = self._remote()
        return (await fetch_file(remote, await find(remote, source), source, options)).size

    async def loss(self, name: str, /, *, gradients: Sequence[str] = (), **arguments: Any) -> LossResult:
        """Evaluate a loss; see `Client.loss`."""
        remote = self._remote()
        return await request_loss(remote, name, await fetch_lazy(arguments, as_text=False), gradients)

    async def evaluate(self, spec: Mapping[str, Any] | str | os.PathLike[str]) -> EvaluationReport:
        """Evaluate an initialisation; see `Client.evaluate`."""
        given = await fetch_lazy(spec, as_text=True)
        source = await asyncio.to_thread(lambda: source_of(evaluation_text(given)))
        if source.spec is None:
            raise RefusedError(f"{one_line(str(spec))} is no evaluation: {_EVALUATION}")
        headers = {"Content-Type": JSON, "Accept": f"{JSON}, {OCTETS}"}
        return await self._remote().answer(
            "POST", EVALUATIONS, _evaluation, headers, source.spec, MAX_FILE_BYTES, WORK_SECONDS
        )

    async def reader(self, spec: SpecSource, dtype: Any = None) -> RemoteReader:
        """Open the file of a spec, in a dtype, for reading; `open` makes a mapping of it."""
        source = await self._source(spec)
        if source.is_text:
            raise RefusedError(f"{one_line(source.path or '')} holds no weights: fetch it")
        if dtype is not None:
            source = await self._in_dtype(source, dtype_name(dtype_text(dtype)))
        return await RemoteReader.open(self._remote, source, self._connections)

    async def _in_dtype(self, source: Source, dtype: str) -> Source:
        """Return the source of the same spec in a dtype: a URL, or a spec that no URL holds.

        Raises:
            RefusedError: it is a file of a repository, whose revision has the dtype.
        """
        if source.of_repository:
            revision = unquote((source.path or "").partition("/resolve/")[2].partition("/")[0])
            kept = [part for part in revision.split(",") if not part.startswith("dtype=")]
            named = ",".join([*kept, f"dtype={dtype}"])
            raise RefusedError(
                f"a file of a repository has the dtype of its revision: name {one_line(named)}"
            )
        path = source.path
        if path is None:
            file = await find(self._remote(), source)
            if file.path is None:
                assert source.spec is not None  # a token has a URL
                resolved = await asyncio.to_thread(parse_spec, source.spec, LIMITS)
                return Source(spec=in_dtype(resolved, dtype, LIMITS).recipe.encode())
            path = file.path
        mark = "&" if "?" in path else "?"
        return Source(path=f"{path}{mark}dtype={quote(dtype)}", base=self._urls[0])

    def _remote(self) -> Remote:
        """Return the connections of the running event loop."""
        if self._closed:
            raise RefusedError("the client is closed: make a new one")
        loop = asyncio.get_running_loop()
        for ended in [one for one in self._remotes if one.is_closed()]:
            del self._remotes[ended]
        if loop not in self._remotes:
            self._remotes[loop] = Remote(self._urls, self._key, POOL, self._backoff)
        return self._remotes[loop]

    async def _source(self, spec: SpecSource) -> Source:
        """Return a source that servers understand: the spec of a recipe stands for its id.

        Raises:
            RefusedError: it is the URL of a file at another server, which must not get the key.
        """
        source = source_of(spec)
        if source.base is not None and httpx.URL(source.base) not in map(httpx.URL, self._urls):
            raise RefusedError(
                f"{one_line(without_userinfo(source.base))} is no server of this client: make one for it"
            )
        if source.recipe is not None:
            of_library = source.base is None  # a URL says which server has it
            return Source(spec=await recipe_spec(self._remote(), source.recipe, of_library=of_library))
        return source


def source_of(spec: SpecSource) -> Source:
    """Interpret what Python's callers give: all that `tensorseed.open` takes.

    Raises:
        SpecError: a value of a dict has no JSON; each fault has its pointer.
        RefusedError: it is a URL, and not of a file, or the spec is too long.
        DiskError: the spec cannot be read.
    """
    if isinstance(spec, RemoteWeights | AsyncWeights) and spec.slice_url is not None:
        return read_source(spec.slice_url)
    if isinstance(spec, Weights | AsyncWeights):
        return Source(spec=recipe_of(spec.token))
    if isinstance(spec, Mapping):
        return Source(spec=to_json(spec))
    if isinstance(spec, str) and begins_as_url(spec):
        try:
            return read_source(spec)
        except ValueError as error:
            raise RefusedError(f"{one_line(without_userinfo(spec))}: {error}") from None
    match kind_of(spec), spec:
        case "json", str(text):
            return Source(spec=text.encode(errors="surrogatepass"))
        case "token", str(token):
            return Source(token=token)
        case "recipe", str(name):
            return Source(recipe=name)
    document, inputs = read_input(os.fspath(spec))
    return Source(spec=document, inputs=inputs)


def evaluation_text(spec: Mapping[str, Any] | str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Return the JSON text of an evaluation that is a dict; any other as it is.

    Raises:
        SpecError: a value has no JSON; each fault has its pointer.
        RefusedError: weights are given.
    """
    if isinstance(spec, Weights | AsyncWeights):
        raise RefusedError(f"weights are no evaluation: {_EVALUATION}")
    return json_text(spec).decode() if isinstance(spec, Mapping) else spec


def _evaluation(content: bytearray, fields: Mapping[str, str]) -> EvaluationReport:
    """Return the report of an evaluation, and its URL where that is one of an evaluation."""
    location = fields.get("content-location", "")
    return EvaluationReport(_report(content, fields), location if _LOCATION.fullmatch(location) else None)


def _report(content: bytearray, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the document of an evaluation, with the trained weights where the answer is a file of them."""
    if fields.get("content-type", "").partition(";")[0].strip() == JSON:
        return read_document(content)
    metadata, arrays = read_arrays(content)
    document = read_document(metadata.get("report", "").encode())
    reports = document.get("reports", [document])
    if not isinstance(reports, list) or not all(isinstance(report, dict) for report in reports):
        raise AnswerError("its reports are no objects")
    for report in reports:
        label = report.get("label")
        prefix = "" if label is None else f"{label}."
        report["weights"] = {
            name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)
        }
    return document
