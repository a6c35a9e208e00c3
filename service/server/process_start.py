"""Imports, validators and garbage collection of a process that serves."""

from __future__ import annotations

import gc
import importlib
import sys
from threading import Thread

from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query

from ..weights.schemas import QUERY


def load_numba() -> None:
    """Load numba's functions of arrays without `scipy.linalg`, which takes a tenth of the start.

    They look for its BLAS, which no kernel calls. Without it they leave out what needs it.
    """
    if "scipy.linalg" in sys.modules or "numba.np.arraymath" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]


def make_validators() -> None:
    """Make the validators of specs in a thread, so that neither the start nor a request has to.

    They take a tenth of a second.
    """
    Thread(target=parse_query, args=(QUERY, Limits()), name="validators", daemon=True).start()


def tune_collector() -> None:
    """Run the garbage collector less often, which halves the time of a plan of 100,000 tensors.

    Such a plan is a million objects, none of them garbage. All objects that exist now live until the end.
    A pass stops all threads: 30,000 objects take some 30 ms. So none is made before: it takes a tenth of the
    start, and finds a thousand objects.
    """
    gc.freeze()
    gc.set_threshold(10_000, 2, 20_000)
