"""Errors become problem documents (RFC 9457)."""

from __future__ import annotations

from service.http import errors as exchange
from service.http.problems import COMMON, MAX_FAULTS, ProblemKind
from tensorseed import errors as core
from tensorseed.errors import Fault

TABLE = COMMON.extended({core.SliceError: ProblemKind("invalid-slice", 422, "No slice", parameter="slice")})


def body(error: Exception) -> dict:
    import orjson

    return orjson.loads(TABLE.response(error, {}).body)


def test_a_spec_fault_is_a_pointer() -> None:
    document = body(core.SpecError.at("/layers/0/shape/1", "a dimension is at least 0"))
    assert document == {
        "type": "urn:tensorseed:problem:invalid-spec",
        "title": "The spec is not valid",
        "status": 422,
        "detail": "a dimension is at least 0",
        "errors": [{"pointer": "/layers/0/shape/1", "detail": "a dimension is at least 0"}],
    }


def test_a_query_fault_is_a_parameter() -> None:
    document = body(exchange.QueryError.at("a/b", "unknown"))
    assert document["status"] == 422
    assert document["errors"] == [{"parameter": "a/b", "detail": "unknown"}]
    assert body(core.SliceError("too long"))["errors"] == [{"parameter": "slice", "detail": "too long"}]


def test_a_long_list_of_faults_is_cut() -> None:
    faults = [Fault(f"/layers/{i}", "wrong") for i in range(MAX_FAULTS + 5)]
    document = body(core.SpecError(faults))
    assert len(document["errors"]) == MAX_FAULTS
    assert str(MAX_FAULTS + 5) in document["detail"]


def test_a_lone_surrogate_can_be_answered() -> None:
    assert body(core.UnknownNameError("no tensor \ud800"))["detail"] == "no tensor \\ud800"


def test_a_subclass_has_the_row_of_its_ancestor() -> None:
    class SpecialError(core.DeviceError):
        pass

    response = TABLE.response(SpecialError("cuda is missing"), {})
    assert response.status_code == 409
    assert response.media_type == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"


def test_documented_responses_follow_the_table() -> None:
    responses = TABLE.documented(core.UnknownNameError, core.SpecError, core.SliceError)
    assert list(responses) == [404, 422, "default"]
    assert responses[422]["x-kinds"] == {
        "invalid-spec": "The spec is not valid (`urn:tensorseed:problem:invalid-spec`)",
        "invalid-slice": "No slice (`urn:tensorseed:problem:invalid-slice`)",
    }
    assert set(responses[404]["content"]) == {"application/problem+json"}
