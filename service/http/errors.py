"""What can go wrong in the exchange itself, rather than in the spec.

    ExchangeError
    ├── QueryError             query parameters that do not make a spec
    ├── UnknownPathError       a path that this service does not have
    ├── MethodError            a method that the path does not have; carries Allow
    ├── PreconditionError      If-Match or If-None-Match does not hold
    ├── RangeError             no range of the set can be served; carries Content-Range
    ├── MediaTypeError         a body in a form that is not read here
    ├── MalformedRequestError  a request that cannot be understood at all
    ├── CredentialError        no key, or one that is not known; carries WWW-Authenticate
    ├── ScopeError             a key that does not cover what it is used for
    ├── UrlSizeError           a URL that is longer than may be
    ├── HeadSizeError          header fields that are larger than may be
    ├── SlowHeadError          header fields that did not come in time
    ├── BusyError              as much is under way as may be; carries Retry-After
    └── NotReadyError          the service is starting or stopping; carries Retry-After

Statuses are in the table of `problems.py`, beside those of the core's errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorseed.errors import Fault


class ExchangeError(Exception):
    """Base of the faults of an exchange. `headers` are the fields that its answer must carry."""

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.headers = dict(headers or {})
        super().__init__(detail)


class QueryError(ExchangeError):
    """Query parameters that do not make a spec. Each fault's `pointer` is the parameter's name."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        many = f"the query has {len(self.faults)} faults"
        super().__init__(self.faults[0].detail if len(self.faults) == 1 else many)

    @classmethod
    def at(cls, parameter: str, detail: str) -> QueryError:
        """The error of a single parameter."""
        return cls([Fault(parameter, detail)])


class UnknownPathError(ExchangeError):
    """A path that this service does not have."""


class MethodError(ExchangeError):
    """A method that the path does not have."""


class PreconditionError(ExchangeError):
    """A condition of the request, such as If-Match, that does not hold."""


class RangeError(ExchangeError):
    """A set of byte ranges of which none can be served from `size` bytes."""

    def __init__(self, detail: str, size: int) -> None:
        super().__init__(detail, {"Content-Range": f"bytes */{size}"})


class MediaTypeError(ExchangeError):
    """A body whose Content-Type or Content-Encoding is not read here."""


class MalformedRequestError(ExchangeError):
    """A request that cannot be understood at all."""


class CredentialError(ExchangeError):
    """A request without a key, or with one that is not known here."""


class ScopeError(ExchangeError):
    """A request with a key that does not cover it."""


class UrlSizeError(ExchangeError):
    """A URL that is longer than may be."""


class HeadSizeError(ExchangeError):
    """Header fields that are larger than may be."""


class SlowHeadError(ExchangeError):
    """Header fields that did not come in time."""


class BusyError(ExchangeError):
    """The service does as much as it may at a time. Carries Retry-After."""


class NotReadyError(ExchangeError):
    """The service is starting or stopping."""
