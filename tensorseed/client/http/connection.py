"""Connection to a server, bounded in time, in bytes and in redirects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import httpx

from tensorseed.client import KEY_VARIABLE
from tensorseed.client.errors import NetworkError, RefusedError
from tensorseed.client.http.answers import AnswerError, check_encoding, one_line
from tensorseed.client.http.retries import TransientError

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0  # for the head of an answer, and then for every MIN_BYTES of it
MIN_BYTES = 1 << 16  # that make an attempt worth it: a server that sends less in that time counts as dead
MIN_SENT_BYTES_A_SECOND = 10e3  # of a request's content
MAX_REDIRECTS = 5


class Connection:
    """Connections of one client, which share its key."""

    def __init__(self, key: str | None, connections: int) -> None:
        """Prepare connections; none is made yet.

        Raises:
            NetworkError: the environment names a proxy or certificates that cannot be used.
        """
        headers = {"Accept-Encoding": "identity", "User-Agent": "tensorseed"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._has_key = key is not None
        try:
            self._http = httpx.AsyncClient(
                headers=headers,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # all else has the deadlines below
                limits=httpx.Limits(max_connections=connections + 1, max_keepalive_connections=connections),
            )
        except (ImportError, OSError, ValueError) as error:  # of httpx, which reads the environment
            reason = (
                f"the proxy or the certificates of the environment cannot be used ({one_line(str(error))})"
            )
            raise NetworkError(f"{reason}: change HTTP_PROXY, ALL_PROXY or SSL_CERT_FILE") from None

    def remedy(self, status: int) -> str:
        """What a caller without a key does about an answer 401, as the end of the server's sentence."""
        if status != 401 or self._has_key:
            return ""
        return f" (key of a client and --key of a command do, or {KEY_VARIABLE})"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        content: bytes = b"",
        seconds: float = 0.0,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request; within the block, the answer whose head has arrived.

        The head may take `seconds` longer than usual.

        Raises:
            TransientError: the connection failed, or the server took too long.
            NetworkError: the server redirects to where nobody should follow.
            RefusedError: the URL is too long.
        """
        limit = CONNECT_SECONDS + READ_SECONDS + len(content) / MIN_SENT_BYTES_A_SECOND + seconds
        try:
            request = self._http.build_request(method, url, headers=headers, content=content)
        except httpx.InvalidURL:
            raise RefusedError("this token is too long for a URL: give the spec instead") from None
        try:
            async with asyncio.timeout(limit):
                answer = await self._follow(request)
        except httpx.InvalidURL:
            raise NetworkError(f"{place(request.url)} redirects to no URL: check the URL") from None
        except (httpx.HTTPError, TimeoutError, UnicodeError) as error:  # the last one of a host's name
            raise TransientError(_fault(error, url), unreached=_is_unreached(error)) from None
        try:
            yield answer
        finally:
            with suppress(httpx.HTTPError):
                await answer.aclose()

    async def _follow(self, request: httpx.Request) -> httpx.Response:
        """Send a request and follow redirects, but neither from TLS to clear text nor out of HTTP."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._http.send(request, stream=True)
            if answer.next_request is None:
                return answer
            await answer.aclose()
            before, request = request.url, answer.next_request
            if request.url.scheme not in {before.scheme, "https"}:
                raise NetworkError(f"{place(before)} redirects to another protocol: check the URL")
        raise NetworkError(f"{place(request.url)} redirects without end: check the URL")

    async def chunks(self, answer: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Yield the content as it arrives.

        Raises:
            TransientError: the connection failed, or less than `MIN_BYTES` came in `READ_SECONDS`.
        """
        clock = asyncio.get_running_loop().time
        try:
            async with aclosing(cast("AsyncGenerator[bytes, None]", answer.aiter_raw())) as raw:
                due, left = MIN_BYTES, READ_SECONDS
                while True:
                    begun = clock()
                    async with asyncio.timeout(left):
                        chunk = await anext(raw, None)
                    if chunk is None:
                        return
                    due, left = due - len(chunk), left - (clock() - begun)
                    if due <= 0:
                        due, left = MIN_BYTES, READ_SECONDS
                    yield chunk
        except (httpx.HTTPError, TimeoutError) as error:
            raise TransientError(_fault(error, str(answer.url))) from None

    async def content(self, answer: httpx.Response, max_bytes: int) -> bytearray:
        """Return all of the content.

        Raises:
            AnswerError: it is compressed, or longer than `max_bytes`.
            TransientError: as `chunks`.
        """
        check_encoding(answer.headers)
        found = bytearray()
        async with aclosing(self.chunks(answer)) as chunks:
            async for chunk in chunks:
                found += chunk
                if len(found) > max_bytes:
                    raise AnswerError("it is too long")
        return found


def place(url: httpx.URL) -> str:
    """Return a URL for a message, without user, password and query."""
    return one_line(f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{url.path}")


def _fault(error: Exception, url: str) -> str:
    """Return the message of a failed connection."""
    host = one_line(httpx.URL(url).netloc.decode("ascii", "replace"))
    if _is_unreached(error):
        return f"nothing answers at {httpx.URL(url).scheme}://{host}"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return f"{host} sent next to nothing for too long"
    return f"the connection to {host} broke"


def _is_unreached(error: Exception) -> bool:
    """Return whether no connection was made: nobody listens there, or there is no such host."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | UnicodeError)


async def cut(chunks: AsyncIterator[bytes], start: int, stop: int, size: int) -> AsyncGenerator[bytes, None]:
    """Yield the bytes [start, stop) of the chunks of a whole file, and all that come after its `size`."""
    at, end = 0, stop if stop < size else None
    async for chunk in chunks:
        piece = chunk[max(0, start - at) : None if end is None else max(0, end - at)]
        at += len(chunk)
        if piece:
            yield piece
        if end is not None and at >= end:
            return
