"""Query strings and Accept fields: a spec, or an error by parameter."""

from __future__ import annotations

from starlette.requests import Request

from service.http.errors import QueryError
from service.http.negotiation import JSON, OCTETS, preferred
from service.http.queries import MAX_QUERY_BYTES, query_of
from tensorseed.errors import SpecError, TooLargeError, VersionError
from tensorseed.spec.spec import parse_query
from tools.fuzz.refusals import check_refusal
from tools.fuzz.tokens import LIMITS, check_bounds


def corpus() -> list[bytes]:
    """Queries, and fields, which are tried as both."""
    queries = [
        "shape=256,784&init=xavier_uniform&seed=42",
        "shape=2&init=normal&std=0.02&mean=-1e-3&dtype=bfloat16&name=a.%F0%9F%8C%B1",
        "shape=3&init=values&data=[1,2.5,-3]",
        "shape=&init=constant&value=1e400",
        "shape=2,2&init=variance_scaling&scale=2&mode=fan_avg&distribution=uniform&device=cpu",
        "a=1&a=2",
        "%ff=%00&+=+",
        "shape=99999999999999999999,2&init=zeros&generator=philox",
    ]
    fields = ["*/*", "application/json;q=0.5, application/octet-stream;q=0", 'text/*;a="b,c";q=1.000', ",;q="]
    return [text.encode() for text in (*queries, *fields)]


def check(data: bytes) -> None:
    """The data as a query, and as an Accept field."""
    form = preferred(data.decode("latin-1"), [OCTETS, JSON])
    assert form in {OCTETS, JSON, None}, "a form that is not offered"
    try:
        parameters = query_of(Request({"type": "http", "query_string": data, "headers": []}))
        resolved = parse_query(parameters, LIMITS)
    except (QueryError, SpecError, TooLargeError, VersionError) as error:
        check_refusal(error)
    else:
        assert len(data) <= MAX_QUERY_BYTES, "a query longer than may be"
        assert len(resolved.tensors) == 1, "a query of more than one tensor"
        assert resolved.tensors[0].name == parameters.get("name", "weight"), "another name"
        check_bounds(resolved)
