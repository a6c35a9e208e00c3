"""Evaluation of one point in a worker, by one thread of torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from tensorseed import ray_cluster
from tensorseed.devices.torch_errors import format_bytes, is_out_of_memory, needed_bytes
from tensorseed.errors import CapacityError, Fault, SpecError, TensorseedError
from tensorseed.evaluations import LOCAL_LIMITS, evaluate, read_evaluation
from tensorseed.sweeps.rows import refused_row, row_of


def versions() -> dict[str, str]:
    """The versions that the numbers of a row may depend on."""
    return ray_cluster.versions("tensorseed", "torch")


@cache
def answering() -> Callable[[bytes], bytes]:
    """Prepare this process, and return the function from a request to the JSON of its answer.

    Sums of torch depend on the number of threads in their last bits: it is one, however many cores there are.
    """
    import torch

    from tensorseed.devices.local import kernels_ready

    torch.set_num_threads(1)
    kernels_ready()
    return answer


def answer(request: bytes) -> bytes:
    """The JSON of a request's row; of a refused one with its faults, and of a failure `failed`."""
    return json.dumps(_answer(request)).encode()


def compute_on_ray(request: bytes) -> bytes:
    """The answer of a worker of Ray, prepared with its first request, and its versions."""
    answering()
    return json.dumps({**_answer(request), "versions": versions()}).encode()


def _answer(request: bytes) -> dict[str, Any]:
    try:
        evaluation = read_evaluation(request, LOCAL_LIMITS)
        report = evaluate(evaluation)
        return {"row": row_of(evaluation, report)}  # type: ignore[arg-type]  # compare is refused
    except SpecError as error:
        faults = [(fault.pointer, fault.detail) for fault in error.faults]
        return {"row": refused_row(error.summary), "faults": faults}
    except CapacityError as error:
        return failure(str(error))
    except TensorseedError as error:
        return {"row": refused_row(str(error)), "faults": [("", str(error))]}
    except Exception as error:
        return failure(_words(error))


def failure(reason: str) -> dict[str, Any]:
    """The answer of a point that could not be computed this time."""
    return {"row": refused_row(reason), "failed": True}


def _words(error: Exception) -> str:
    """Plain words for an error that no request is to blame for."""
    if is_out_of_memory(error):
        needed = needed_bytes(error)
        more = "" if needed is None else f" ({format_bytes(needed)} more were needed)"
        return f"the memory does not suffice{more}: take fewer workers, or a smaller network"
    return f"it could not be computed, by a fault of tensorseed ({type(error).__name__}): leave it out"


def faults_of(answer: dict[str, Any]) -> list[Fault]:
    """The faults of an answer; none of one with numbers."""
    return [Fault(*fault) for fault in answer.get("faults", ())]
