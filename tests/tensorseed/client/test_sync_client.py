"""Clients of the service in Python: verbs, errors, keys, threads, retries."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import pickle
import signal
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

import tensorseed
from tensorseed.client import KEY_VARIABLE
from tensorseed.client.async_client import AsyncClient
from tensorseed.client.sync_client import Client, open_url
from tensorseed.errors import TensorseedError
from tests.tensorseed.client.clients import Call, awaiting, blocking, verbs
from tests.tensorseed.client.conftest import SPEC, Between, bytes_of, file_of, quick, wait_until

FILE = file_of()
DATA = bytes_of(FILE)
LOCAL = tensorseed.open(SPEC)
BOTH = pytest.mark.parametrize("ask", [blocking, awaiting])
HUGE = {"name": "w", "type": "Tensor", "shape": [1 << 50], "init": "normal"}
INVALID = {"seed": -1, "layers": [{"name": "a", "type": "Tensor", "shape": [2], "init": "one"}]}


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url, attempts=3, backoff=quick) as found:
        yield found


def test_both_clients_have_the_same_verbs() -> None:
    own = verbs(AsyncClient)
    for name, signature in verbs(Client).items():
        assert own[name].parameters == signature.parameters
    assert set(own) - set(verbs(Client)) == {"reader"}


@BOTH
def test_the_plan_is_the_services(url: str, ask: Call) -> None:
    plan = ask(url, "plan", SPEC)
    assert plan == LOCAL.plan()
    for spec in (json.dumps(SPEC), LOCAL.token, f"{url}/v1/weights/{LOCAL.token}", LOCAL):
        assert ask(url, "plan", spec) == plan


@BOTH
def test_fetch_writes_the_file(url: str, tmp_path: Path, ask: Call) -> None:
    spec, path = tmp_path / "spec.json", tmp_path / "w"
    spec.write_text(json.dumps(SPEC))
    assert ask(url, "fetch", spec, path) == len(DATA)
    assert path.read_bytes() == DATA
    with pytest.raises(tensorseed.DiskError, match="exists"):
        ask(url, "fetch", LOCAL.token, path)
    ask(url, "fetch", {**SPEC, "seed": 1}, path, force=True, verify=False)
    assert path.read_bytes() == bytes_of(file_of({**SPEC, "seed": 1}))
    with pytest.raises(OSError, match="is the input"):
        ask(url, "fetch", spec, spec, force=True)


@BOTH
def test_a_recipe_is_one_of_the_service_or_of_the_library(url: str, between: Between, ask: Call) -> None:
    name = "tensorseed/tiny-llama@seed-7,dtype=float32"
    expected = tensorseed.open(name)
    assert ask(url, "plan", name)["etag"] == expected.etag
    assert [path for _, path, _ in between.requests] == [
        "/v1/recipes/tensorseed/tiny-llama",
        "/v1/weights/plan",
    ]
    between.answer = lambda _, path, __: (404, {}, NO_RECIPE) if "recipes" in path else None
    assert ask(url, "plan", name)["etag"] == expected.etag
    for unknown in ("tensorseed/nonsense", "tensorseed/tiny-llama@nonsense", "x" * 5_000, "../healthz"):
        with pytest.raises(tensorseed.UnknownNameError):
            ask(url, "plan", unknown)


NO_RECIPE = b'{"type": "urn:tensorseed:problem:unknown-repository", "detail": "no recipe: ask for another"}'


@BOTH
def test_the_url_of_a_repository_is_that_of_the_server(url: str, between: Between, ask: Call) -> None:
    """A recipe of the library alone is not there, and a commit is one of the server's."""
    name = "tensorseed/tiny-llama"
    with urlopen(f"{url}/api/models/{name}/revision/seed-3,dtype=float16") as answer:
        commit = json.load(answer)["sha"]
    expected = tensorseed.open(f"{name}@seed-3,dtype=float16").etag
    for found in (f"{name}@{commit}", f"{url}/{name}/tree/{commit}", f"HTTP{url[4:]}/{name}/tree/{commit}"):
        assert ask(url, "open", found).etag == expected
    for revision, said in (("v1", "revision 'v1'"), ("0" * 40, "commit 0000")):
        with pytest.raises(tensorseed.UnknownNameError, match=f"{name} has no {said}"):
            ask(url, "open", f"{url}/{name}/tree/{revision}")
    between.answer = lambda _, path, __: (404, {}, NO_RECIPE) if "recipes" in path else None
    with pytest.raises(tensorseed.UnknownNameError, match=r"^no recipe: ask for another$"):
        ask(url, "open", f"{url}/{name}")


@BOTH
def test_a_document_about_weights_is_no_file(url: str, ask: Call) -> None:
    file = f"{url}/v1/weights/{LOCAL.token}"
    for path in ("digest", "tensors/fc.0.weight/histogram"):
        with pytest.raises(tensorseed.UnrepresentableError, match=f"leave out /{path.rpartition('/')[2]}$"):
            ask(url, "open", f"{file}/{path}")


@pytest.mark.parametrize("revision", ["main", "seed-3,dtype=float16", "seed-3,quantization=fp8"])
def test_a_revision_is_that_of_the_library(client: Client, url: str, revision: str) -> None:
    wanted = tensorseed.open(f"tensorseed/tiny-llama@{revision}").etag
    assert client.open(f"tensorseed/tiny-llama@{revision}").etag == wanted
    assert client.open(f"{url}/tensorseed/tiny-llama/tree/{revision}").etag == wanted
    file = client.open(f"{url}/tensorseed/tiny-llama/resolve/{revision}/model.safetensors")
    name = next(iter(file))
    wanted_array = tensorseed.open(f"tensorseed/tiny-llama@{revision}")[name][...]
    assert np.array_equal(file[name][...], wanted_array)
    named = ",".join(part for part in revision.split(",") if not part.startswith("dtype="))
    with pytest.raises(tensorseed.RefusedError, match=f"of its revision: name {named},dtype=bfloat16"):
        client.open(f"{url}/tensorseed/tiny-llama/resolve/{revision}/model.safetensors", dtype="bfloat16")
    with pytest.raises(tensorseed.RefusedError, match=r"config\.json holds no weights: fetch it"):
        client.open(f"{url}/tensorseed/tiny-llama/resolve/{revision}/config.json")


@BOTH
def test_urls_of_an_alias(url: str, ask: Call) -> None:
    for form in ("", "/tree/main", "/resolve/main/model.safetensors"):
        assert "transformer.wte.weight" in set(ask(url, "open", f"{url}/gpt2{form}"))
    with pytest.raises(tensorseed.RefusedError, match="of its revision: name seed-2,dtype=bfloat16"):
        ask(url, "open", f"{url}/gpt2/resolve/seed-2/model.safetensors", dtype="bfloat16")


@BOTH
def test_the_same_weights_in_another_dtype(url: str, ask: Call) -> None:
    narrow = tensorseed.open(SPEC, dtype=np.float16)
    name = next(name for name in narrow if narrow[name].size)
    forms = [SPEC, LOCAL.token, f"{url}/v1/weights/{LOCAL.token}", LOCAL]
    for form in forms:
        assert ask(url, "open", form, dtype="half").etag == narrow.etag
    with Client(url) as client:
        opened = pickle.loads(pickle.dumps(client.open(SPEC, dtype=np.float16)))
        assert opened.etag == narrow.etag
        assert np.array_equal(opened[name][...], narrow[name][...])
        assert np.array_equal(tensorseed.open(forms[2], dtype=np.float16)[name][...], narrow[name][...])
        with pytest.raises(tensorseed.SpecError, match="unknown dtype"):
            client.open(SPEC, dtype="fp8")


def test_functions_name_their_parameters(client: Client, tmp_path: Path) -> None:
    """And commands their options, as tests/tensorseed/client/test_outputs.py says."""
    (tmp_path / "w").write_text("theirs")
    with pytest.raises(tensorseed.DiskError, match="overwrite it with force=True"):
        client.fetch(SPEC, tmp_path / "w")


def test_lazy_arrays_are_tensors_of_requests(client: Client) -> None:
    """Those of the client itself too, whose thread cannot wait for itself."""
    weights = client.open(SPEC)
    bias = weights["fc.0.bias"]
    assert client.loss("mse_loss", input=bias, target=LOCAL["fc.0.bias"]).value == 0
    layer = {"name": "fc", "type": "Linear", "in_features": 500, "out_features": 1}
    data = client.open({"layers": [{"name": "x", "type": "Tensor", "shape": [2, 500], "init": "ones"}]})
    assert client.evaluate({"layers": [layer], "input": {"data": data["x"]}})["output"]["shape"] == [2, 1]
    assert client.loss("mse_loss", input=[bias, bias], target=[LOCAL["fc.0.bias"], bias]).value == 0


def test_arrays_of_an_async_client_are_tensors_of_its_requests(url: str) -> None:
    layer = {"name": "fc", "type": "Linear", "in_features": 500, "out_features": 1}
    ones = {"layers": [{"name": "x", "type": "Tensor", "shape": [2, 500], "init": "ones"}]}

    async def main() -> None:
        async with AsyncClient(url, backoff=quick) as client:
            bias, data = (await client.open(SPEC))["fc.0.bias"], (await client.open(ones))["x"]
            assert (await client.loss("mse_loss", input=bias, target=LOCAL["fc.0.bias"])).value == 0
            assert (await client.loss("mse_loss", input=[bias, bias], target=[bias, bias])).value == 0
            report = await client.evaluate({"layers": [layer], "input": {"data": data}})
            assert report["output"]["shape"] == [2, 1]

    asyncio.run(main())


@BOTH
def test_arrays_that_no_service_takes_are_not_computed(url: str, ask: Call) -> None:
    entry = {"name": "x", "type": "Tensor", "shape": [1 << 20, 1 << 20], "init": "uniform"}
    huge = tensorseed.open({"layers": [entry]})["x"]
    with pytest.raises(tensorseed.TooLargeError, match=r"^the arrays are .* over 1,073,741,824"):
        ask(url, "loss", "mse_loss", input=huge, target=[huge])
    with pytest.raises(tensorseed.TooLargeError, match=r"^the arrays are .* over 1,073,741,824"):
        ask(url, "evaluate", {"layers": [], "input": {"data": huge}})


@BOTH
def test_arguments_of_other_kinds_are_refused(url: str, ask: Call) -> None:
    with pytest.raises(tensorseed.RefusedError, match=r"^weights are no evaluation: give a dict with layers"):
        ask(url, "evaluate", LOCAL)
    with pytest.raises(TypeError, match=r"^a loss is named by a text, such as mse_loss, and not int$"):
        ask(url, "loss", 3)
    with pytest.raises(tensorseed.UnknownNameError, match=r"^no loss is called '../recipes'"):
        ask(url, "loss", "../recipes")
    with pytest.raises(tensorseed.LossError, match=r"^/gradients: gradients are a list of names"):
        ask(url, "loss", "mse_loss", input=[1.0], target=[1.0], gradients=3)
    assert ask(url, "loss", "mse_loss", input=[1.0], target=[1.0], dtype=np.float64).dtype == "float64"


@BOTH
def test_an_evaluation_is_a_report(url: str, ask: Call) -> None:
    layers = [{"name": "fc", "type": "Linear", "in_features": 4, "out_features": 3}]
    data = np.arange(8, dtype=np.float32).reshape(2, 4) / 3
    asked = {"layers": layers, "input": {"data": data}}
    report = ask(url, "evaluate", asked)
    assert type(report).__name__ == "EvaluationReport"
    with urlopen(f"{url}{report.url}") as answer:
        assert json.load(answer) == dict(report)
    weights = tensorseed.open({"layers": layers})
    expected = data @ weights["fc.weight"][...].T + weights["fc.bias"][...]
    assert np.allclose(report["output"]["data"], expected, atol=1e-6)
    variants = [{"label": "a.b"}, {"label": "c", "init": {"weight": "zeros"}}]
    trained = ask(
        url, "evaluate", json.dumps({**asked, "input": {"data": data.tolist()}, "return_weights": True})
    )
    assert trained.url is None
    assert np.array_equal(trained["weights"]["fc.weight"], weights["fc.weight"])
    both = ask(url, "evaluate", {**asked, "compare": variants, "return_weights": True})["reports"]
    assert [np.abs(one["weights"]["fc.weight"]).sum() > 0 for one in both] == [True, False]
    with pytest.raises(tensorseed.SpecError) as caught:
        ask(url, "evaluate", {**asked, "steps": -1})
    assert [fault.pointer for fault in caught.value.faults] == ["/steps"]
    with pytest.raises(tensorseed.RefusedError, match="is no evaluation"):
        ask(url, "evaluate", LOCAL.token)


def refusal(run: Any) -> TensorseedError:
    with pytest.raises(TensorseedError) as caught:
        run()
    return caught.value


@BOTH
@pytest.mark.parametrize("verb", ["plan", "open"])
def test_a_refused_spec_has_the_faults_that_it_has_in_process(url: str, ask: Call, verb: str) -> None:
    remote, local = refusal(lambda: ask(url, verb, INVALID)), refusal(lambda: tensorseed.open(INVALID))
    assert isinstance(remote, tensorseed.SpecError)
    assert isinstance(remote, tensorseed.RefusedError)
    assert remote.faults == local.faults
    assert (remote.status, remote.type) == (422, "urn:tensorseed:problem:invalid-spec")
    assert remote.detail == local.summary
    assert str(remote) == str(local)


def test_a_traceback_shows_the_callers_frames(client: Client) -> None:
    found = traceback.extract_tb(refusal(lambda: client.plan(INVALID)).__traceback__)
    assert len(found) < 8
    assert not any("anyio" in frame.filename for frame in found)


@pytest.mark.parametrize(
    ("run", "kind", "status"),
    [
        (lambda client: client.open("s1.AAAA"), tensorseed.UnknownNameError, 404),
        (lambda client: client.loss("nonsense", input=[1.0]), tensorseed.UnknownNameError, 404),
        (lambda client: client.open({"layers": [HUGE]}), tensorseed.TooLargeError, 413),
    ],
)
def test_a_refusal_has_the_class_of_its_kind(client: Client, run: Any, kind: Any, status: int) -> None:
    error = refusal(lambda: run(client))
    assert isinstance(error, kind)
    assert error.status == status
    if status == 404:
        assert "\n" not in str(error)


@pytest.mark.parametrize(("status", "attempts"), [(401, 1), (403, 1), (429, 3), (503, 3)])
def test_the_sentences_of_other_problems_are_kept(
    client: Client, between: Between, status: int, attempts: int
) -> None:
    problem = {"type": "urn:tensorseed:problem:x", "detail": "come again: with more", "status": status}
    between.answer = lambda *_: (status, {}, json.dumps(problem).encode())
    error = refusal(lambda: client.plan(SPEC))
    assert isinstance(error, tensorseed.RefusedError if attempts == 1 else tensorseed.NetworkError)
    assert str(error).startswith("come again: with more")
    assert ("(key of a client and --key of a command do, or TENSORSEED_KEY)" in str(error)) is (status == 401)
    assert (error.status, error.type, error.detail) == (status, problem["type"], problem["detail"])
    assert len(between.requests) == attempts


def test_an_unknown_key_is_none_that_lacks(url: str, between: Between) -> None:
    between.answer = lambda *_: (401, {}, b'{"detail": "this key is not known here"}')
    with Client(url, key="other") as client, pytest.raises(tensorseed.RefusedError, match=r"known here$"):
        client.plan(SPEC)


def test_what_passes_is_asked_again(client: Client, between: Between) -> None:
    between.answer = lambda *_: (503, {}, b"") if len(between.requests) % 3 else None
    assert client.plan(SPEC)["etag"] == LOCAL.etag
    assert len(between.requests) == 3


def test_nobody_listens() -> None:
    with Client("http://127.0.0.1:1", attempts=2, backoff=quick) as client:
        error = refusal(lambda: client.plan(SPEC))
    assert isinstance(error, tensorseed.NetworkError)
    assert error.status is None
    assert "nothing answers at http://127.0.0.1:1: is it running?" in str(error)


def test_several_servers_share_the_requests(url: str, between: Between) -> None:
    with Client("http://127.0.0.1:1", url, attempts=3, backoff=quick) as client:
        assert [client.plan(SPEC)["etag"] for _ in range(4)] == [LOCAL.etag] * 4
    assert len(between.requests) == 4


@pytest.mark.parametrize(
    ("urls", "given", "message"),
    [
        ((), {}, "^give a URL such as http://127"),
        (("",), {}, "^'' names no server: give a URL"),
        (("host",), {}, "^'host' names no server"),
        ((["http://h"],), {}, "names no server"),
        ((None,), {}, "^None names no server"),
        (("http://h",), {"key": "a b"}, "copy it whole"),
        (("http://h/v1/",), {}, "^'http://h/v1/' names no server: give what stands before /v1, http://h$"),
        (("http://h",), {"key": b"a"}, "^a key is a text, and not bytes$"),
        (("http://h",), {"key": ""}, "^the key is empty"),
        (("http://h",), {"connections": 0}, "^connections is 0: it must be an integer of at least 1"),
        (("http://h",), {"connections": True}, "^connections is True: it must be an integer"),
        (("http://h",), {"attempts": -1}, "^attempts is -1: it must be an integer of at least 1"),
        (("http://h",), {"attempts": "3"}, "^attempts is '3': it must be an integer"),
        (("http://h",), {"attempts": 2.5}, "^attempts is 2.5: it must be an integer"),
        (("http://h",), {"backoff": 3}, "^backoff is a function of the number of attempts, and not int"),
    ],
    ids=repr,
)
def test_a_client_that_could_ask_nobody_is_refused(urls: Any, given: dict[str, Any], message: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(tensorseed.RefusedError, match=message):
            kind(*urls, **given)


def test_numbers_of_numpy_count_connections() -> None:
    with Client("http://ann:secret@h", connections=np.int64(2), attempts=np.uint8(3)) as client:
        assert repr(client) == "Client('http://…@h')"


@pytest.mark.parametrize("userinfo", ["ann:secret", "ann:se@secret", "secret", ":secret"])
def test_no_message_holds_a_password(userinfo: str) -> None:
    server = f"http://{userinfo}@127.0.0.1:1"
    runs: list[Any] = [
        lambda: Client(f"{server}/v1"),
        lambda: Client(f"{server}?q"),
        lambda: Client("http://127.0.0.1:1").open(f"{server}/a/b"),
        lambda: Client("http://127.0.0.1:1").open(f"{server}/v1/recipes"),
        lambda: open_url(f"{server}/v1/recipes"),
        lambda: open_url(f"{server}/a/b?q"),
    ]
    for run in runs:
        with pytest.raises(tensorseed.RefusedError) as caught:
            run()
        assert "secret" not in str(caught.value)
    with suppress(tensorseed.RefusedError):
        assert "secret" not in repr(Client(server))


def test_a_key_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a b")
    with pytest.raises(tensorseed.RefusedError, match=f"^{KEY_VARIABLE}: a key has no spaces"):
        Client("http://h")


def test_the_key_goes_along(url: str, between: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    for key, set_to in ((None, None), ("given", None), (None, "set"), ("given", "set")):
        if set_to:
            monkeypatch.setenv(KEY_VARIABLE, set_to)
        blocking_client = Client(url, key=key, backoff=quick)
        blocking_client.plan(SPEC)
        blocking_client.close()
    keys = [headers.get("authorization") for _, _, headers in between.requests]
    assert keys == [None, "Bearer given", "Bearer set", "Bearer given"]


def test_the_key_goes_to_no_other_server(client: Client, between: Between) -> None:
    with pytest.raises(tensorseed.RefusedError, match="is no server of this client"):
        client.open(f"http://127.0.0.1:1/v1/weights/{LOCAL.token}")
    with pytest.raises(tensorseed.RefusedError, match="is no server of this client"):
        client.open("http://127.0.0.1:1/readme")
    with pytest.raises(tensorseed.RefusedError, match="the URL of a file holds"):
        client.open("http://127.0.0.1:1/v1/recipes")
    assert between.requests == []


def test_the_slash_that_ends_a_url_changes_nothing(url: str) -> None:
    with Client(f"{url}/", backoff=quick) as client:
        assert client.open(f"{url}/v1/weights/{LOCAL.token}").etag == LOCAL.etag
        assert repr(client) == f"Client({url!r})"


def test_threads_share_a_client(client: Client) -> None:
    def ask(seed: int) -> str:
        return str(client.plan({**SPEC, "seed": seed})["etag"])

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(60)))
    assert found == [f'"{file_of({**SPEC, "seed": seed}).digest}"' for seed in range(60)]


def test_it_works_where_a_loop_runs(client: Client) -> None:
    async def main() -> Any:
        return client.plan(SPEC)

    assert asyncio.run(main())["etag"] == LOCAL.etag


def test_several_loops_share_an_async_client(url: str) -> None:
    client = AsyncClient(url, backoff=quick)

    async def main() -> str:
        etag = str((await client.plan(SPEC))["etag"])
        await client._remotes[asyncio.get_running_loop()].close()
        return etag

    assert [asyncio.run(main()) for _ in range(2)] == [LOCAL.etag] * 2


def test_a_closed_client_says_so(url: str) -> None:
    client = Client(url)
    client.plan(SPEC)
    client.close()
    client.close()
    with pytest.raises(tensorseed.RefusedError, match="the client is closed"):
        client.plan(SPEC)

    async def main() -> None:
        closed = AsyncClient(url)
        await closed.close()
        await closed.plan(SPEC)

    with pytest.raises(tensorseed.RefusedError, match="the client is closed"):
        asyncio.run(main())


def test_an_interruption_ends_the_request_and_keeps_the_part(
    client: Client, between: Between, tmp_path: Path
) -> None:
    between.pause = 0.05
    main, part = threading.main_thread().ident, tmp_path / "w.part.json"

    def interrupt() -> None:
        wait_until(lambda: part.exists() and any(headers.get("range") for *_, headers in between.requests))
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        client.fetch(SPEC, tmp_path / "w")
    assert part.exists()
    between.pause = 0.0
    client.fetch(SPEC, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == DATA


def test_a_cancelled_task_ends_its_request(url: str, between: Between) -> None:
    between.pause = 5.0

    async def main() -> None:
        async with AsyncClient(url, backoff=quick) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.open(LOCAL.token)

    asyncio.run(main())


def test_weights_keep_their_client(url: str) -> None:
    weights = open_url(f"{url}/v1/weights/{LOCAL.token}")
    gc.collect()
    assert np.array_equal(weights["fc.1.weight"][400:], LOCAL["fc.1.weight"][400:])
    assert weights.digest() == hashlib.sha256(DATA).hexdigest()
    del weights
    gc.collect()
    wait_until(lambda: not any(one.name == "tensorseed-client" for one in threading.enumerate()))
