"""Limits of a connection, and the errors of those that are exceeded."""

from __future__ import annotations

from dataclasses import dataclass

from ...http.errors import HeadSizeError, NotReadyError, SlowHeadError, UrlSizeError


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of one connection.

    `url_bytes` and `header_bytes` bound a head. It has `header_seconds` to arrive. A client that reads
    nothing of its answer, or sends nothing of its body, is dropped after `idle_seconds`.
    """

    url_bytes: int
    header_bytes: int
    header_seconds: float
    idle_seconds: float

    def long_url(self) -> UrlSizeError:
        """The error of a URL."""
        return UrlSizeError(f"the URL may have {self.url_bytes:,} bytes: post the spec as a body instead")

    def large_head(self) -> HeadSizeError:
        """The error of header fields."""
        fields = f"the header fields may have {self.header_bytes:,} bytes together"
        return HeadSizeError(f"{fields}: send fewer or shorter ones")

    def large_chunks(self) -> HeadSizeError:
        """The error of what a chunked body has beside its data."""
        fields = f"chunk extensions and trailer fields may have {self.header_bytes:,} bytes together"
        return HeadSizeError(f"{fields}: send none")

    def slow_head(self) -> SlowHeadError:
        """The error of a head that is late."""
        seconds = f"{self.header_seconds:g}"
        return SlowHeadError(f"the request's head did not come within {seconds} seconds: send it at once")

    @staticmethod
    def no_descriptor() -> NotReadyError:
        """The error of a connection beyond the descriptors of this process."""
        remedy = "ask another replica, or again shortly"
        return NotReadyError(f"as many connections are open as there may be: {remedy}", {"Retry-After": "1"})
