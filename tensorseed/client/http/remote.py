"""Requests to one or more servers that all give the same bytes.

A transient failure, such as a broken connection or a 503, is retried at the next server.
Any other failure ends the command.
"""

from __future__ import annotations

import warnings
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from tensorseed.client.errors import MismatchError, NetworkError, RefusedError
from tensorseed.client.http.answers import (
    MAX_JSON_BYTES,
    MAX_PROBLEM_BYTES,
    AnswerError,
    Digests,
    FileAnswer,
    check_content,
    check_is_file,
    document_at,
    planned_file,
    read_digests,
    read_document,
    read_head,
    read_problem,
    unused_rules,
)
from tensorseed.client.http.connection import Connection, cut, place
from tensorseed.client.http.retries import TRANSIENT_STATUSES, Backoff, TransientError, retry_after
from tensorseed.errors import UnusedRuleWarning

OCTETS = "application/octet-stream"
JSON = "application/json"
WEIGHTS = "/v1/weights"
MAX_UNREACHED = 3  # attempts at servers that have never answered: a wrong URL is no fault that passes
MIN_HASHED_BYTES_A_SECOND = 20e6  # a slower server counts as dead

_ABSENT = "is it running? Start one with: tensorseed serve"
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
        self._answered = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    def backoff(self) -> Backoff:
        """Return a fresh count of failures, for one request and its retries."""
        return self._backoff()

    def turn(self) -> int:
        """Return the number of the server for the next request: each in turn."""
        return next(self._turns)

    async def plan(self, spec: bytes) -> RemoteFile:
        """Return the file of a spec; an `UnusedRuleWarning` for every rule that gave no tensor its init.

        Raises:
            RefusedError: the spec is not valid; the message has every fault.
            NetworkError: no server answered as it should.
        """
        document = await self.plan_document(spec)
        for detail in unused_rules(document):
            warnings.warn(detail, UnusedRuleWarning, stacklevel=2)
        found = planned_file(document)
        return RemoteFile(found, None if found.token is None else f"{WEIGHTS}/{found.token}", spec)

    async def plan_document(self, spec: bytes) -> dict[str, Any]:
        """Return the plan of a spec as the servers write it.

        Raises:
            RefusedError: the spec is not valid; the message has every fault.
            NetworkError: no server answered as it should.
        """

        def read(content: bytearray, _: Mapping[str, str]) -> dict[str, Any]:
            document = read_document(content)
            planned_file(document)
            return document

        return await self.answer("POST", f"{WEIGHTS}/plan", read, {"Content-Type": JSON}, spec)

    async def document(self, path: str) -> dict[str, Any]:
        """Return the JSON object at a path.

        Raises:
            RefusedError: the servers have no such object.
            NetworkError: no server answered as it should.
        """
        return await self.answer("GET", path, lambda content, _: read_document(content), {"Accept": JSON})

    async def answer(
        self,
        method: str,
        path: str,
        read: Callable[[bytearray, Mapping[str, str]], _Read],
        headers: dict[str, str],
        content: bytes = b"",
        max_bytes: int = MAX_JSON_BYTES,
        seconds: float = 0.0,
    ) -> _Read:
        """Return what `read` makes of the content and the fields of an answer.

        The content has at most `max_bytes`, and its head may take `seconds` longer than usual.

        Raises:
            RefusedError: the servers refuse the request.
            NetworkError: no server answered as it should; `read` may raise AnswerError.
        """

        async def complete(answer: httpx.Response) -> _Read:
            return read(await self._connection.content(answer, max_bytes), answer.headers)

        return await self._request(method, path, complete, headers, content, seconds)

    async def head(self, path: str) -> RemoteFile:
        """Return the file at a path.

        Raises:
            RefusedError: the servers have no such file, or a document there, such as a digest or a histogram.
            NetworkError: no server answered as it should.
        """

        async def read(answer: httpx.Response) -> FileAnswer:
            if path.startswith(f"{WEIGHTS}/"):
                check_is_file(path, answer.headers)
            return read_head(answer.headers)

        try:
            return RemoteFile(await self._request("HEAD", path, read, {"Accept": OCTETS}), path)
        except NetworkError as error:
            if error.status == 406:
                raise document_at(path).of_answer(error.status, error.type, error.detail) from None
            if error.status not in {None, *TRANSIENT_STATUSES}:  # HEAD lacks the sentence of a refusal
                with suppress(NetworkError):
                    await self.document(path)
            raise

    async def digests(self, file: RemoteFile) -> Digests | None:
        """Return the digests of a file; None where the server does not compute them.

        Raises:
            NetworkError: no server answered as it should.
        """
        path, size = file.digest_path, file.answer.size
        assert path is not None

        def read(content: bytearray, _: Mapping[str, str]) -> Digests:
            return read_digests(content, size)

        try:
            return await self.answer("GET", path, read, {}, seconds=size / MIN_HASHED_BYTES_A_SECOND)
        except RefusedError:
            return None

    @asynccontextmanager
    async def stream(
        self, file: RemoteFile, start: int, stop: int, turn: int
    ) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """Stream the file's bytes [start, stop); of a file without a URL the server computes all before.

        `turn` chooses the server: the next number, the next server.

        Raises:
            TransientError: the connection failed, or the server is busy.
            RefusedError: the server refuses the request.
            MismatchError: the server has another file by now.
            NetworkError: the server does not answer as it should.
        """
        headers = {"Accept": OCTETS, "If-Match": file.answer.etag}
        if file.path is None:
            wanted = None
            sent = self._connection.send("POST", self._url(WEIGHTS, turn), headers, file.body)
        else:
            wanted = range(start, stop)
            headers["Range"] = f"bytes={start}-{stop - 1}"
            sent = self._connection.send("GET", self._url(file.path, turn), headers)
        async with sent as answer:
            await self._check(answer)
            with _explaining(answer):
                check_content(answer.status_code, answer.headers, file.answer, wanted)
            async with aclosing(self._connection.chunks(answer)) as chunks:
                yield chunks if wanted else cut(chunks, start, stop, file.answer.size)

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
                    self._answered = True
                    await self._check(answer)
                    with _explaining(answer):
                        if answer.status_code != 200:
                            raise AnswerError(f"its status is {answer.status_code}")
                        return await read(answer)
            except TransientError as error:
                absent = error.unreached and not self._answered
                again = backoff.failed()
                if not again or (absent and backoff.failures >= max(MAX_UNREACHED, len(self._urls))):
                    raise error.final(_ABSENT if absent else "try again later, or at another URL") from None
                await backoff.wait(error.retry_after)

    async def _check(self, answer: httpx.Response) -> None:
        """Raise the error of an answer that is no success."""
        if answer.is_success:
            return
        problem = None
        with suppress(AnswerError):
            problem = read_problem(await self._connection.content(answer, MAX_PROBLEM_BYTES))
        status = answer.status_code
        detail = f"{answer.url.host} answered {status}" if problem is None else problem.detail
        kind = None if problem is None else problem.type
        if status in TRANSIENT_STATUSES:
            raise TransientError(detail, retry_after(answer.headers), status, kind)
        if status in (412, 416):
            message = f"the server's file is another by now ({detail}): begin anew"
            raise MismatchError(message).of_answer(status, kind, detail)
        if problem is None:
            raise NetworkError(f"{detail}: check the URL").of_answer(status, kind, detail)
        raise RefusedError.of_problem(status, kind, detail, problem.faults, self._connection.remedy(status))

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
            f"{where} does not answer as tensorseed does, since {error}: check the URL"
        ) from None
