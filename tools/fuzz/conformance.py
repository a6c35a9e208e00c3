"""Conformance of answers to the contract: schemathesis and our verdict.

Its four phases: the document's examples, the edges of every schema one by one (coverage), drawn requests
(fuzzing), and sequences in which an answer's values go into the next request (stateful).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.python.asgi import shutdown_lifespans

from tools.fuzz.malformed import Seen
from tools.fuzz.messages import Answer, Asked
from tools.fuzz.verdict import Judge, contract

if TYPE_CHECKING:
    from schemathesis.schemas import BaseSchema

PHASES = ("examples", "coverage", "fuzzing", "stateful")
SECONDS = 120  # for an answer: none of the tests is of time
TOOL = ["2xx", "3xx", "404"]

_LARGE = ["/v1/weights", "/v1/weights/plan", "/v1/evaluations", "/v1/recipes/plan"]
"""Paths whose bodies hold inits: the edges of all inits, at every place for one, are nine tenths of all."""

_WHOLE = ["406", "409", "413", "422"]
_RULED = [
    "/v1/weights",
    "/v1/weights/plan",
    "/v1/weights/{token}",
    "/v1/weights/{token}/digest",
    "/v1/weights/{token}/tensors/{name}",
    "/v1/weights/{token}/tensors/{name}/heatmap",
    "/v1/weights/{token}/tensors/{name}/histogram",
    "/v1/evaluations",
    "/v1/losses/{kind}",
    "/v1/recipes/plan",
]
_FLAGS = [
    "/api/models",
    "/api/models/{repository}",
    "/api/models/{repository}/revision/{revision}",
    "/api/models/{repository}/tree/{revision}",
    "/api/models/{repository}/tree/{revision}/{path}",
    "/{repository}/raw/{revision}/{path}",
    "/{repository}/resolve/{revision}/{path}",
]
"""Paths of the Hub whose flags any text may be: what is not true is false, as on the Hub."""

_SHADOWED = ["/v1/recipes/{repository}"]
"""Paths of which one, `/v1/recipes/plan`, is another operation's, with another method."""

_REFUSED = ["400", "404", "405", "406", "409", "413", "415", "422"]
_JUDGE = Judge(contract())


@schemathesis.check
def verdict(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, _case: schemathesis.Case[Any]
) -> None:
    """No 5xx, nothing of the inside, every error in its form, no status that only `default` documents."""
    fields = {name.lower(): values[0] for name, values in response.headers.items()}
    asked = Asked(str(response.request.method), str(response.request.url))
    _JUDGE.check(asked, Answer(response.status_code, fields, response.content))


@dataclass(slots=True)
class Conformance(Seen):
    """The requests by status, the checks that ran, and what is not as the contract says."""

    checks: Counter[str] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)


def configuration(examples: int, *, every_edge: bool) -> dict[str, Any]:
    """The tool's settings, which differ from its defaults where the contract does.

    All checks are on. Where a request that its schema allows is refused (`positive_data_acceptance`), the
    tool is right for paths whose schema says all there is to say, and an error of another status than 404
    (a name or a token that stands for nothing) fails. It is not for `_RULED`: that every name is there once,
    that a fan exists, that shapes and dtypes fit each other and the limits, that a query's parameter belongs
    to the scheme it names, that transformers has a model of this config, are rules over several values at
    once, which JSON Schema cannot say; 422 is the documented answer, 413 for the limits, 406 for an Accept,
    409 for a device that this host lacks. What is left to fail there is a request that could not even be
    read: 400, 405, 415.

    An id `plan` in `_SHADOWED` is answered 405.

    A request that its schema refuses (`negative_data_rejection`) must be refused here; 413 is added to the
    statuses of that, since what is too long for the service is not looked at further.
    """
    ruled = {"positive_data_acceptance": {"expected-statuses": [*TOOL, *_WHOLE]}}
    lenient = {"negative_data_rejection": {"expected-statuses": [*_REFUSED, "2xx", "304"]}}
    shadowed = {"positive_data_acceptance": {"expected-statuses": [*TOOL, "405"]}}
    operations: list[dict[str, Any]] = [
        {"include-path": _RULED, "checks": ruled},
        {"include-path": _FLAGS, "checks": lenient},
        {"include-path": _SHADOWED, "checks": shadowed},
    ]
    if not every_edge:
        operations[0]["exclude-path"] = _LARGE
        off = {phase: {"enabled": False} for phase in ("examples", "coverage")}
        operations.append({"include-path": _LARGE, "checks": ruled, "phases": off})
    return {
        "seed": 1,
        "request-timeout": SECONDS,
        "continue-on-failure": True,
        "suppress-health-check": ["all"],
        "checks": {
            "positive_data_acceptance": {"expected-statuses": TOOL},
            "negative_data_rejection": {"expected-statuses": _REFUSED},
        },
        "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
        "phases": {phase: {"enabled": True} for phase in PHASES},
        "operations": operations,
    }


def over_app(app: Any, examples: int, *, every_edge: bool) -> Conformance:
    """Ask an application in this process, whose lifespan the tool starts and ends."""
    schema = _schema(configuration(examples, every_edge=every_edge))
    schema.app = app
    try:
        return _run(schema)
    finally:
        shutdown_lifespans()


def over_loopback(port: int, examples: int, *, every_edge: bool) -> Conformance:
    """Ask a server that listens on the loopback."""
    settings = configuration(examples, every_edge=every_edge)
    return _run(_schema({"base-url": f"http://127.0.0.1:{port}", **settings}))


def _schema(settings: dict[str, Any]) -> BaseSchema:
    config = schemathesis.Config.from_dict(settings)
    return schemathesis.openapi.from_dict(contract(), config=config)


def _run(schema: BaseSchema) -> Conformance:
    found = Conformance()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _note(event, found)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found.faults.append(
                f"schemathesis could not go on: {event.info if hasattr(event, 'info') else event}"
            )
    return found


def _note(event: events.ScenarioFinished, found: Conformance) -> None:
    record = event.recorder
    found.operations.add(record.label)
    for interaction in record.interactions.values():
        found.statuses[interaction.response.status_code if interaction.response else 0] += 1
    for case, checks in record.checks.items():
        for check in checks:
            found.checks[check.name] += 1
            if check.failure_info is not None:
                found.faults.append("\n".join(_told(check, record.interactions[case])))


def _told(check: Any, interaction: Any) -> Iterator[str]:
    """What to read when a check fails: what it says, and the request and answer to do it again."""
    failure, request, response = check.failure_info.failure, interaction.request, interaction.response
    yield f"{check.name}: {failure.title}: {failure.message}"
    yield f"{request.method} {request.uri} {request.headers} {request.body!r}"[:4000]
    if response is not None:
        yield f"{response.status_code} {response.content[:1000]!r}"
