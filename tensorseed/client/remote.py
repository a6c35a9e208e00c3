"""Requests to one or more servers that all give the same bytes.

A transient failure, such as a broken connection or a 503, is retried at the next server.
Any other failure ends the command.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Self, TypeVar

import httpx

from tensorseed.client.answers import (
    MAX_JSON_BYTES,
    MAX_PROBLEM_BYTES,
    AnswerError,
    Digests,
    FileAnswer,
    check_content,
    read_digests,
    read_head,
    read_plan,
    read_problem,
)
from tensorseed.client.connection import Connection, place
from tensorseed.client.errors import MismatchError, NetworkError, RefusedError
from tensorseed.client.retries import TRANSIENT_STATUSES, Backoff, TransientError, retry_after

OCTETS = "application/octet-stream"
WEIGHTS = "/v1/weights"
MIN_HASHED_BYTES_A_SECOND = 20e6  # a slower server counts as dead

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of the servers; without a `path` it has no URL, and a POST of `body` requests it."""

    answer: FileAnswer
    path: str | None
    body: bytes = b""

    @property
    def digest_path(self) -> str | None:
        """The path of its digests; None where a server computes none."""
        return None if self.answer.token is None else f"{WEIGHTS}/{self.answer.token}/digest"


class Remote:
    """One or more servers, by their URLs before `/v1`; leaving the context closes the connections."""

    def __init__(
        self, urls: Sequence[str], key: str | None, connections: int, backoff: Callable[[], Backoff]
    ) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._backoff = backoff
        self._turns = count()
        self._connection = Connection(key, connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    def backoff(self) -> Backoff:
        """Return a fresh count of failures, for one request and its retries."""
        return self._backoff()

    def turn(self) -> int:
        """Return the number of the server for the next request: each in turn."""
        return next(self._turns)

    async def plan(self, spec: bytes) -> RemoteFile:
        """Return the file of a spec.

        Raises:
            RefusedError: the spec is not valid; the message has every fault.
            NetworkError: no server answered as it should.
        """

        async def read(answer: httpx.Response) -> FileAnswer:
            return read_plan(await self._connection.content(answer, MAX_JSON_BYTES))

        headers = {"Content-Type": "application/json"}
        found = await self._request("POST", f"{WEIGHTS}/plan", read, headers, spec)
        return RemoteFile(found, None if found.token is None else f"{WEIGHTS}/{found.token}", spec)

    async def head(self, path: str) -> RemoteFile:
        """Return the file at a path.

        Raises:
            RefusedError: the servers have no such file.
            NetworkError: no server answered as it should.
        """

        async def read(answer: httpx.Response) -> FileAnswer:
            return read_head(answer.headers)

        return RemoteFile(await self._request("HEAD", path, read, {"Accept": OCTETS}), path)

    async def digests(self, file: RemoteFile) -> Digests | None:
        """Return the digests of a file; None where the server does not compute them.

        Raises:
            NetworkError: no server answered as it should.
        """
        path, size = file.digest_path, file.answer.size
        assert path is not None

        async def read(answer: httpx.Response) -> Digests:
            return read_digests(await self._connection.content(answer, MAX_JSON_BYTES), size)

        try:
            return await self._request("GET", path, read, {}, seconds=size / MIN_HASHED_BYTES_A_SECOND)
        except RefusedError:
            return None

    @asynccontextmanager
    async def stream(
        self, file: RemoteFile, start: int, stop: int, turn: int
    ) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """Stream the file's bytes [start, stop); of a file without a URL all from `start` on.

        `turn` chooses the server: the next number, the next server.

        Raises:
            TransientError: the connection failed, or the server is busy.
            RefusedError: the server refuses the request.
            MismatchError: the server has another file by now.
            NetworkError: the server does not answer as it should.
        """
        headers = {"Accept": OCTETS, "If-Match": file.answer.etag}
        if file.path is None:
            wanted, skipped = None, start
            sent = self._connection.send("POST", self._url(WEIGHTS, turn), headers, file.body)
        else:
            wanted, skipped = range(start, stop), 0
            headers["Range"] = f"bytes={start}-{stop - 1}"
            sent = self._connection.send("GET", self._url(file.path, turn), headers)
        async with sent as answer:
            await self._check(answer)
            with _explaining(answer):
                check_content(answer.status_code, answer.headers, file.answer, wanted)
            async with aclosing(self._connection.chunks(answer)) as chunks:
                yield _skipped(chunks, skipped)

    async def _request(
        self,
        method: str,
        path: str,
        read: Callable[[httpx.Response], Awaitable[_Read]],
        headers: dict[str, str],
        content: bytes = b"",
        seconds: float = 0.0,
    ) -> _Read:
        """Send a request, again after transient failures, and return what `read` makes of the answer.

        Raises:
            RefusedError: a server refuses it.
            NetworkError: a server does not answer as it should, or every attempt failed.
        """
        backoff, turn = self._backoff(), self.turn()
        while True:
            url = self._url(path, turn + backoff.failures)
            try:
                async with self._connection.send(method, url, headers, content, seconds) as answer:
                    await self._check(answer)
                    with _explaining(answer):
                        if answer.status_code != 200:
                            raise AnswerError(f"its status is {answer.status_code}")
                        return await read(answer)
            except TransientError as error:
                if not backoff.failed():
                    raise NetworkError(f"{error}: try again later, or at another --url") from None
                await backoff.wait(error.retry_after)

    async def _check(self, answer: httpx.Response) -> None:
        """Raise the error of an answer that is no success."""
        if answer.is_success:
            return
        problem = None
        with suppress(AnswerError):
            problem = read_problem(await self._connection.content(answer, MAX_PROBLEM_BYTES))
        detail = f"{answer.url.host} answered {answer.status_code}" if problem is None else problem.detail
        if answer.status_code in TRANSIENT_STATUSES:
            raise TransientError(detail, retry_after(answer.headers))
        if answer.status_code in (412, 416):
            raise MismatchError(f"the server's file is another by now ({detail}): begin anew with --restart")
        if problem is None:
            raise NetworkError(f"{detail}: check --url")
        raise RefusedError.of(detail, problem.faults)

    def _url(self, path: str, turn: int) -> str:
        return self._urls[turn % len(self._urls)] + path


@contextmanager
def _explaining(answer: httpx.Response) -> Iterator[None]:
    """Turn an answer that no server of this service gives into NetworkError."""
    try:
        yield
    except AnswerError as error:
        where = place(answer.url)
        raise NetworkError(
            f"{where} does not answer as tensorseed does, since {error}: check --url"
        ) from None


async def _skipped(chunks: AsyncIterator[bytes], count: int) -> AsyncGenerator[bytes, None]:
    """Yield the chunks without their first `count` bytes."""
    async for chunk in chunks:
        if count < len(chunk):
            yield chunk[count:] if count else chunk
        count = max(0, count - len(chunk))
