"""Client of the service for scripts, threads and notebooks."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from tensorseed.client.array_arguments import read_lazy
from tensorseed.client.async_client import AsyncClient, evaluation_text, source_of
from tensorseed.client.errors import RefusedError
from tensorseed.client.http.answers import one_line
from tensorseed.client.http.arguments import without_userinfo
from tensorseed.client.http.retries import Backoff
from tensorseed.client.losses import LossResult
from tensorseed.client.remote_weights import RemoteWeights
from tensorseed.concurrency.loop_thread import ClosedError, LoopThread, NestedError
from tensorseed.errors import TensorseedError
from tensorseed.evaluations.display import EvaluationReport
from tensorseed.weights.spec_reading import SpecSource

T = TypeVar("T")


class Client:
    """Asks a service for weights, plans, losses and evaluations.

        client = tensorseed.Client("http://127.0.0.1:8000")
        client.open("mlp.json")["fc1.weight"][:10]

    Several URLs are servers of one version, which share the work.
    Requests that a server is too busy for, or whose connections break, are sent again.
    Any thread may use a client, also one whose own event loop runs. KeyboardInterrupt ends the request.
    """

    def __init__(
        self,
        *urls: str,
        key: str | None = None,
        connections: int = 4,
        attempts: int = 8,
        backoff: Callable[[int], Backoff] = Backoff,
    ) -> None:
        """Prepare to ask the servers at `urls`, which stand before `/v1`; nothing is sent yet.

        `key` is by default that of the variable TENSORSEED_KEY. A large read uses up to `connections` at a
        time. A request fails after `attempts` in a row that failed, with waits that `backoff` counts.

        Raises:
            RefusedError: a URL, the key or a number cannot be one, or there is no URL.
        """
        self._recreate = partial(
            Client, *urls, key=key, connections=connections, attempts=attempts, backoff=backoff
        )
        self._client = AsyncClient(
            *urls, key=key, connections=connections, attempts=attempts, backoff=backoff
        )
        self._loop = LoopThread("tensorseed-client", self._client.close)

    def __reduce__(self) -> tuple[Callable[[], Client], tuple[()]]:
        return self._recreate, ()  # a process that is sent a client makes its own connections

    def __repr__(self) -> str:
        return repr(self._client).removeprefix("Async")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the requests under way; the client takes no more."""
        self._loop.close()

    def open(self, spec: SpecSource, *, dtype: Any = None) -> RemoteWeights:
        """Open the weights of a spec as a lazy mapping, without fetching any.

        `spec` is all that `tensorseed.open` takes, or the URL of a file of these servers.
        The id of a recipe is one of the service, or else of this library.
        With `dtype`, such as "bfloat16" or `np.float16`, they are those of the same spec in that dtype.
        A slice transfers the bytes that it selects; a spec too long for a URL is sent with every read, and
        the service computes all before the slice.

        Raises:
            SpecError: the spec is not valid, or not in that dtype; `faults` has a JSON pointer and a remedy
                for every fault.
            TooLargeError: the spec exceeds a limit of the service.
            UnknownNameError: the string is neither JSON, nor a file, a token or an id.
            RefusedError: the service refuses the request: the key is missing, or covers something else.
            NetworkError: the service did not answer as it should, even after several attempts.
            MismatchError: the file is not that of the spec.
        """
        reader = self._run(lambda: self._client.reader(spec, dtype))
        return RemoteWeights(reader, self._run, self.open)

    def plan(self, spec: SpecSource) -> dict[str, Any]:
        """Return the plan of a spec, as `POST /v1/weights/plan` answers it.

        Raises:
            SpecError, TooLargeError, UnknownNameError, RefusedError, NetworkError: as `open`.
            UnrepresentableError: the URL is that of a slice.
        """
        return self._run(lambda: self._client.plan(spec))

    def recipes(self) -> list[dict[str, Any]]:
        """Return the recipes of the service, as `GET /v1/recipes` answers them.

        Each has `id`, `aliases`, `description`, `family`, `dtype`, `parameters`, `size` in bytes and `files`.

        Raises:
            RefusedError, NetworkError: as `open`.
        """
        return self._run(self._client.recipes)

    def fetch(
        self,
        spec: SpecSource,
        path: str | os.PathLike[str],
        *,
        verify: bool = True,
        restart: bool = False,
        force: bool = False,
    ) -> int:
        """Download the file of a spec to `path`, verify it, and return its size in bytes.

        An interruption leaves `path` with `.part`, and the next call goes on from there.
        `force` overwrites a file that is there, `restart` begins anew where a part of another one is.

        Raises:
            SpecError, TooLargeError, UnknownNameError, RefusedError, NetworkError: as `open`.
            MismatchError: the bytes are not those of the spec, or not those that the service computes.
            DiskError: the file cannot be written, or is there already; it is an OSError too.
        """
        return self._run(lambda: self._client.fetch(spec, path, verify=verify, restart=restart, force=force))

    def loss(self, name: str, /, *, gradients: Sequence[str] = (), **arguments: Any) -> LossResult:
        """Evaluate a loss of `torch.nn.functional`, with its tensors and options as keywords.

            client.loss("mse_loss", input=[1.0, 2.0], target=[1.0, 4.0], gradients=["input"]).value

        Tensors are nested lists, numbers, or arrays of numpy, torch and jax, lazy ones too.
        Lists are computed in `dtype`, by default float32, and arrays in their own.

        Raises:
            UnknownNameError: no loss has this name.
            LossError: the arguments are not valid; `faults` has a pointer and a remedy for every fault.
            TooLargeError: they exceed a limit of the service.
            RefusedError, NetworkError: as `open`.
        """
        read = read_lazy(arguments, as_text=False)  # here, since the loop cannot wait for itself
        return self._run(lambda: self._client.loss(name, gradients=gradients, **read))

    def evaluate(self, spec: Mapping[str, Any] | str | os.PathLike[str]) -> EvaluationReport:
        """Evaluate an initialisation: a dict, its JSON text, or the path of a JSON file.

        The `data` of input and target may be an array of numpy or torch, or a lazy one.
        With `return_weights` every report holds the trained arrays by name, as `weights`.

        Raises:
            EvaluationError: the evaluation is not valid; `faults` has a pointer and a remedy for every fault.
            SpecError: its layers are not valid.
            TooLargeError: it exceeds a limit of the service.
            RefusedError, NetworkError: as `open`.
        """
        given = read_lazy(spec, as_text=True)
        document = evaluation_text(given)  # here, since the loop cannot wait for itself
        return self._run(lambda: self._client.evaluate(document))

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return self._loop.run(work)
        except ClosedError:
            raise RefusedError("the client is closed: make a new one") from None
        except NestedError:
            raise RefusedError(
                "a request cannot wait for arrays of its own client: read them, as array[...]"
            ) from None
        except TensorseedError as error:
            raise error.with_traceback(None) from None  # the loop's frames would hide the caller's


def open_url(url: str, key: str | None = None, dtype: Any = None) -> RemoteWeights:
    """Open the weights at the URL of a service's file, of a slice, of a query or of a repository.

    `key` is by default that of the variable TENSORSEED_KEY, and `dtype` is as in `Client.open`.

    Raises:
        RefusedError: it is no URL of a file, or the service has no such file.
        NetworkError: the service did not answer as it should, even after several attempts.
        MismatchError: the file is not one that tensorseed computes.
    """
    base = source_of(url).base
    if base is None:
        raise RefusedError(
            f"{one_line(without_userinfo(url))} is no URL of a file: it holds /v1/weights/ and a token"
        )
    return Client(base, key=key).open(url, dtype=dtype)
