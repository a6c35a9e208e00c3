"""Reports and pictures of evaluations by token."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import orjson
import pytest
import torch

from service.evaluations import routes
from service.evaluations.representations import tag_of
from service.server.app import create_app
from service.settings import Settings
from tensorseed.evaluations import decode_evaluation, read_evaluation
from tensorseed.spec.limits import Limits
from tests.service.evaluations.test_routes import MLP, VARIANTS, Start, ask
from tests.tensorseed.evaluations.tokens import forge
from tests.waiting import PATIENCE

BARE: dict[str, Any] = {
    "layers": [{"name": "fc", "type": "Linear", "in_features": 4, "out_features": 3}],
    "input": {"shape": [8, 4], "init": "normal"},
}


@pytest.fixture(scope="module")
def url(client: Any) -> str:
    location = ask(client, BARE).headers["content-location"]
    assert isinstance(location, str)
    return location


@pytest.mark.parametrize("document", [BARE, MLP, {**MLP, "compare": VARIANTS}])
def test_the_report_has_a_url_of_its_own(client: Any, document: dict[str, Any]) -> None:
    posted = ask(client, document)
    location = posted.headers["content-location"]
    assert location.startswith("/v1/evaluations/e1.")
    found = client.get(location)
    assert (found.status_code, found.headers["content-type"]) == (200, "application/json")
    assert found.content == posted.content


def test_other_spellings_have_the_same_url(client: Any, url: str) -> None:
    layer = {"init": {}, **BARE["layers"][0], "bias": True}
    spelled = {**BARE, "layers": [layer], "seed": "0", "dtype": "torch.float32", "steps": 0, "device": "cpu"}
    assert ask(client, spelled).headers["content-location"] == url
    assert ask(client, {**BARE, "seed": 1}).headers["content-location"] != url


def test_caches_keep_it_and_ask_again(client: Any, url: str) -> None:
    first = client.get(url)
    assert first.headers["cache-control"] == "public, max-age=86400"
    assert first.headers["vary"] == "Accept"
    etag = first.headers["etag"]
    known = client.get(url, headers={"If-None-Match": etag})
    assert (known.status_code, known.content) == (304, b"")
    assert client.get(url, headers={"If-Match": '"other"'}).status_code == 412
    head = client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**first.headers, "x-request-id": ""}
    part = client.get(url, headers={"Range": "bytes=5-9", "If-Range": etag})
    assert (part.status_code, part.content) == (206, first.content[5:10])
    both = client.get(url, headers={"Range": "bytes=0-1,5-9"})
    assert both.status_code == 206
    assert first.content[5:10] in both.content


def test_the_number_of_threads_is_in_the_tag_of_a_long_one_alone() -> None:
    evaluation = read_evaluation(orjson.dumps(BARE), Limits())
    long = replace(evaluation, pass_seconds=1.0)
    usual, tags = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            tags.append([tag_of("e1.x", one, "application/json") for one in (evaluation, long)])
    finally:
        torch.set_num_threads(usual)
    assert tags[0][0] == tags[1][0]
    assert tags[0][1] != tags[1][1]


def test_a_picture_by_format_and_by_accept(client: Any, url: str) -> None:
    svg = client.get(f"{url}?format=svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in svg.headers["content-security-policy"]
    assert "vary" not in svg.headers
    assert svg.text.startswith("<?xml")
    image = client.get(url, headers={"Accept": "image/*"})
    assert image.headers["content-type"] == "image/svg+xml"
    png = client.get(f"{url}?format=png")
    assert png.content.startswith(b"\x89PNG")
    tags = {answer.headers["etag"] for answer in (svg, png, client.get(url))}
    assert len(tags) == 3


def test_the_path_may_end_in_the_format(client: Any, url: str) -> None:
    svg, same = client.get(f"{url}?format=svg"), client.get(f"{url}.svg")
    assert (same.content, same.headers["etag"]) == (svg.content, svg.headers["etag"])
    assert client.get(f"{url}.png", headers={"Accept": "text/csv"}).content.startswith(b"\x89PNG")
    assert client.head(f"{url}.json?format=json").headers["content-type"] == "application/json"
    refused = client.get(f"{url}.svg?format=png").json()["errors"][0]
    assert (refused["parameter"], refused["detail"]) == ("format", "the path ends in .svg: leave format out")
    assert client.get(f"{url}.gif").status_code == client.get("/v1/evaluations/e1.svg").status_code == 404


def test_what_has_no_url_names_none(client: Any) -> None:
    assert "content-location" not in ask(client, {**BARE, "return_weights": True}).headers
    data = [[index / 7 for index in range(4)] for _ in range(500)]
    assert "content-location" not in ask(client, {**BARE, "input": {"data": data}}).headers


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "nonsense",
        json.dumps({**BARE, "return_weights": True}, sort_keys=True, separators=(",", ":")),
        json.dumps({**BARE, "seed": 0}, sort_keys=True, separators=(",", ":")),
    ],
)
def test_a_token_of_anything_else_is_unknown(client: Any, text: str) -> None:
    answer = client.get(f"/v1/evaluations/{forge(text)}")
    assert answer.status_code == 404
    assert "POST the evaluation for a new one" in answer.json()["detail"]


def test_a_fault_names_its_parameter(client: Any, url: str) -> None:
    assert client.get(f"{url}x").status_code == 404
    assert client.get(f"{url}?format=npy").json()["errors"][0]["parameter"] == "format"
    assert client.get(f"{url}?steps=3").status_code == 422
    assert client.get(url, headers={"Accept": "text/csv"}).status_code == 406


def test_it_is_bounded_as_a_post(client: Any) -> None:
    text = json.dumps({**BARE, "steps": 10_001}, sort_keys=True, separators=(",", ":"))
    assert client.get(f"/v1/evaluations/{forge(text)}").status_code == 413


def test_one_more_than_may_run_is_asked_to_wait(start: Start, url: str, monkeypatch: Any) -> None:
    begun, ends = Event(), Event()
    compute = routes.evaluate

    def waiting(*arguments: Any) -> Any:
        begun.set()
        assert ends.wait(PATIENCE)
        return compute(*arguments)

    monkeypatch.setattr(routes, "evaluate", waiting)
    app = create_app(Settings.model_construct(threads=2, kernel_cache=None, evaluations=1))
    with start(app) as client, ThreadPoolExecutor(1) as threads:
        first = threads.submit(client.get, url)
        assert begun.wait(PATIENCE)
        busy = client.get(url)
        ends.set()
        assert first.result().status_code == 200
        assert client.get(url).status_code == 200
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    assert busy.json()["type"] == "urn:tensorseed:problem:busy"


def test_the_token_is_that_of_the_library(url: str) -> None:
    evaluation = decode_evaluation(url.rpartition("/")[2], Limits())
    assert (evaluation.steps, len(evaluation.nodes)) == (0, 1)
