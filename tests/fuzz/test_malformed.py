"""Malformed requests of the grammar: a short run of `make soak`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from service.server.app import create_app
from service.settings import Settings
from tests.conftest import Client, started
from tools.fuzz.grammar import requests_of
from tools.fuzz.malformed import send
from tools.fuzz.messages import Answer, Asked
from tools.fuzz.modesty import MODEST
from tools.fuzz.verdict import contract

DOCUMENT = contract()


@pytest.fixture(scope="module")
def modest() -> Iterator[Client]:
    """A client of a service with little room."""
    with started(create_app(Settings.model_construct(threads=2, chunk_bytes=4_096, **MODEST))) as client:
        yield client


def test_every_malformed_request_is_refused_as_documented(modest: Client) -> None:
    def ask(asked: Asked) -> Answer:
        answer = modest.request(asked.method, asked.target, headers=dict(asked.fields), content=asked.body)
        return Answer(answer.status_code, dict(answer.headers.items()), answer.content)

    seen = send(DOCUMENT, ask, refused=150)
    assert not seen.faults, "\n\n".join(seen.faults)
    assert seen.refused >= 150
    assert seen.sent > seen.refused, "nothing was answered well: the grammar is nowhere near"


def test_faults_end_a_run() -> None:
    seen = send(DOCUMENT, lambda _: Answer(500, {}, b""), refused=10_000, most=3)
    assert len(seen.faults) >= 3
    assert "the service failed" in seen.faults[0]
    assert set(seen.statuses) == {500}


@pytest.mark.parametrize("template", DOCUMENT["paths"])
def test_the_grammar_has_requests_of_every_path(template: str) -> None:
    pattern = re.compile(re.sub(r"\{\w+\}", ".*", template) + r"(\?.*)?", re.DOTALL)
    documented = tuple(method.upper() for method in DOCUMENT["paths"][template])
    asked = []

    @settings(
        max_examples=10, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck)
    )
    @given(requests_of(template, documented))
    def collect(one: Asked) -> None:
        asked.append(one)

    collect()
    assert all(pattern.fullmatch(one.target) for one in asked)
    assert any(one.method in documented for one in asked)
