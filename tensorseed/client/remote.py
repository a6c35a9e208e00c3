"""Requests to one or more servers that all give the same bytes.

A transient failure, such as a broken connection or a 503, is retried at the next server.
Any other failure ends the command.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self

import httpx

from tensorseed.client.errors import MismatchError, NetworkError, RefusedError
from tensorseed.client.retries import TRANSIENT_STATUSES, Backoff, TransientError, retry_after

OCTETS = "application/octet-stream"
WEIGHTS = "/v1/weights"
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0  # without a byte from the server
MIN_HASHED_BYTES_A_SECOND = 20e6  # a slower server counts as dead


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of the servers; without a `path` it has no URL, and a POST of `body` requests it."""

    etag: str
    size: int
    path: str | None
    digest_path: str | None = None
    body: bytes = b""


class Remote:
    """One or more servers, by their URLs before `/v1`; leaving the context closes the connections."""

    def __init__(
        self, urls: Sequence[str], key: str | None, connections: int, backoff: Callable[[], Backoff]
    ) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._backoff = backoff
        self._turns = count()
        headers = {"Accept-Encoding": "identity", "User-Agent": "tensorseed"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx.AsyncClient(
            headers=headers,
            follow_redirects=True,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=connections + 1, max_keepalive_connections=connections),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

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
        headers = {"Content-Type": "application/json"}
        answer = await self._request("POST", f"{WEIGHTS}/plan", content=spec, headers=headers)
        try:
            found = json.loads(answer.content)
            token, etag, size = found["token"], str(found["etag"]), int(found["size"])
        except (ValueError, TypeError, KeyError):
            raise NetworkError(_foreign_answer(answer)) from None
        if token is None:
            return RemoteFile(etag, size, None, body=spec)
        path = f"{WEIGHTS}/{token}"
        return RemoteFile(etag, size, path, f"{path}/digest")

    async def head(self, path: str) -> RemoteFile:
        """Return the file at a path.

        Raises:
            RefusedError: the servers have no such file.
            NetworkError: no server answered as it should.
        """
        answer = await self._request("HEAD", path, headers={"Accept": OCTETS})
        etag, size = answer.headers.get("etag", ""), answer.headers.get("content-length", "")
        if not etag.startswith('"') or not size.isdigit():
            raise NetworkError(_foreign_answer(answer))
        own = answer.headers.get("content-location", path).rpartition(f"{WEIGHTS}/")[2]
        whole = own.startswith("s1.") and "/" not in own and "?" not in own
        return RemoteFile(etag, int(size), path, f"{WEIGHTS}/{own}/digest" if whole else None)

    async def digest(self, file: RemoteFile) -> dict[str, Any] | None:
        """Return the digests of a file; None where the server does not compute them."""
        assert file.digest_path is not None
        seconds = READ_SECONDS + file.size / MIN_HASHED_BYTES_A_SECOND
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            answer = await self._request("GET", file.digest_path, timeout=timeout)
        except RefusedError:
            return None
        try:
            found: dict[str, Any] = json.loads(answer.content)
            assert isinstance(found["tensors"], dict)
            if found["algorithm"] == "sha256" and type(found["digest"]) is str:
                return found
        except (ValueError, TypeError, KeyError, AssertionError):
            pass
        raise NetworkError(_foreign_answer(answer))

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
        """
        url = self._url(file.path or WEIGHTS, turn)
        headers = {"Accept": OCTETS, "If-Match": file.etag}
        if file.path is None:
            request = self._http.stream("POST", url, content=file.body, headers=headers)
        else:
            headers["Range"] = f"bytes={start}-{stop - 1}"
            request = self._http.stream("GET", url, headers=headers)
        try:
            async with request as answer:
                await _check(answer)
                _check_part(answer, file, start, stop)
                yield _skipped(answer.aiter_raw(), 0 if file.path else start)
        except httpx.HTTPError as error:
            raise TransientError(_connection_fault(error, url)) from None

    async def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request, again after transient failures, and return the answer.

        Raises:
            RefusedError: a server refuses it.
            NetworkError: every attempt failed.
        """
        backoff, turn = self._backoff(), self.turn()
        while True:
            url = self._url(path, turn + backoff.failures)
            try:
                try:
                    answer = await self._http.request(method, url, **arguments)
                except httpx.HTTPError as error:
                    raise TransientError(_connection_fault(error, url)) from None
                except httpx.InvalidURL:
                    raise RefusedError("this token is too long for a URL: give the spec instead") from None
                await _check(answer)
            except TransientError as error:
                if not backoff.failed():
                    raise NetworkError(f"{error}: try again later, or at another --url") from None
                await backoff.wait(error.retry_after)
            else:
                return answer

    def _url(self, path: str, turn: int) -> str:
        return self._urls[turn % len(self._urls)] + path


async def _skipped(chunks: AsyncIterator[bytes], count: int) -> AsyncGenerator[bytes, None]:
    """Yield the chunks without their first `count` bytes."""
    async for chunk in chunks:
        if count < len(chunk):
            yield chunk[count:] if count else chunk
        count = max(0, count - len(chunk))


async def _check(answer: httpx.Response) -> None:
    """Raise the error of an answer that is no success."""
    if answer.is_success:
        return
    await answer.aread()
    detail, faults = _problem(answer)
    if answer.status_code in TRANSIENT_STATUSES:
        raise TransientError(detail, retry_after(answer.headers))
    if answer.status_code in (412, 416):
        raise MismatchError(f"the server's file is another by now ({detail}): begin anew with --restart")
    raise RefusedError.of(detail, faults)


def _check_part(answer: httpx.Response, file: RemoteFile, start: int, stop: int) -> None:
    """Raise unless the answer is the requested part of the file."""
    etag = answer.headers.get("etag")
    if etag != file.etag:
        raise MismatchError(
            f"the server's file has the ETag {etag} and the requested one has {file.etag}: "
            "take care that all servers run one version, then begin anew with --restart"
        )
    if file.path is None:
        return
    wanted = f"bytes {start}-{stop - 1}/{file.size}"
    if answer.status_code != 206 or answer.headers.get("content-range") != wanted:
        raise NetworkError(f"{answer.url} does not serve byte ranges: take a --url without what removes them")


def _problem(answer: httpx.Response) -> tuple[str, list[tuple[str, str]]]:
    """Return the detail of a problem document, and its faults by pointer and sentence."""
    try:
        problem = json.loads(answer.content)
        faults = [
            (str(fault.get("pointer", fault.get("parameter", ""))), str(fault["detail"]))
            for fault in problem.get("errors") or []
        ]
        return str(problem["detail"]), faults
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"{answer.url.host} answered {answer.status_code}: check --url", []


def _foreign_answer(answer: httpx.Response) -> str:
    """Return the message of an answer that no server of this service gives."""
    return f"{answer.url} does not answer as tensorseed does: check --url"


def _connection_fault(error: httpx.HTTPError, url: str) -> str:
    """Return the message of a failed connection."""
    host = httpx.URL(url).netloc.decode()
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"{host} cannot be reached"
    if isinstance(error, httpx.TimeoutException):
        return f"{host} sent nothing for too long"
    return f"the connection to {host} broke"
