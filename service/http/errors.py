"""Errors of the HTTP exchange itself, rather than of a spec.

    ExchangeError
    ├── QueryError             invalid query parameters
    ├── UnknownPathError       a path without a route
    ├── MethodError            a method that the path lacks; carries Allow
    ├── PreconditionError      If-Match or If-None-Match does not hold
    ├── RangeError             no range of the set can be served; carries Content-Range
    ├── MediaTypeError         a body of an unsupported type or encoding
    ├── MalformedRequestError  an unintelligible request
    ├── UnimplementedError     a method or a transfer coding that this service lacks
    ├── CredentialError        no key, or an unknown one; carries WWW-Authenticate
    ├── ScopeError             a key that does not cover the path
    ├── UrlSizeError           a URL over the limit
    ├── HeadSizeError          header fields over the limit
    ├── SlowHeadError          header fields that did not come in time
    ├── BusyError              a limit of concurrency or rate is reached; carries Retry-After
    └── NotReadyError          the service is starting or stopping; carries Retry-After

`problems.COMMON` has the statuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from tensorseed.errors import Fault, first_of


class ExchangeError(Exception):
    """Base of the errors of an exchange. The answer must carry the fields of `headers`."""

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.headers = dict(headers or {})
        super().__init__(detail)


class QueryError(ExchangeError):
    """Invalid query parameters. Each fault's `pointer` is the parameter's name."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(first_of(self.faults))

    @classmethod
    def at(cls, parameter: str, detail: str) -> QueryError:
        """The error of a single parameter."""
        return cls([Fault(parameter, detail)])


class UnknownPathError(ExchangeError):
    """A path without a route."""


class MethodError(ExchangeError):
    """A method that the path lacks."""


class PreconditionError(ExchangeError):
    """A condition of the request, such as If-Match, that does not hold."""


class RangeError(ExchangeError):
    """A set of byte ranges of which none can be served from `size` bytes."""

    def __init__(self, detail: str, size: int) -> None:
        super().__init__(detail, {"Content-Range": f"bytes */{size}"})


class MediaTypeError(ExchangeError):
    """A body of an unsupported Content-Type or Content-Encoding."""


class MalformedRequestError(ExchangeError):
    """An unintelligible request."""


class UnimplementedError(ExchangeError):
    """A method or a transfer coding that this service lacks."""


class CredentialError(ExchangeError):
    """A request without a key, or with an unknown one."""


class ScopeError(ExchangeError):
    """A request with a key that does not cover the path."""


class UrlSizeError(ExchangeError):
    """A URL over the limit."""


class HeadSizeError(ExchangeError):
    """Header fields over the limit."""


class SlowHeadError(ExchangeError):
    """Header fields that did not come in time."""


class Limit(StrEnum):
    """The limits whose excess is answered 429: labels of metrics."""

    STREAMS = "streams"
    EVALUATIONS = "evaluations"
    LOSSES = "losses"
    DIGESTS = "digests"
    PREPARATIONS = "preparations"
    DERIVATIONS = "derivations"
    MEMORY = "memory"
    KEY_REQUESTS = "key_requests"
    KEY_BYTES = "key_bytes"


class BusyError(ExchangeError):
    """A limit of concurrency or rate is reached. Carries Retry-After."""

    def __init__(self, limit: Limit, detail: str, headers: Mapping[str, str]) -> None:
        self.limit = limit
        super().__init__(detail, headers)


class NotReadyError(ExchangeError):
    """The service is starting or stopping."""
