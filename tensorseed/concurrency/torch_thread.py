"""Fresh thread in which torch computes alone, with its default modes.

Some of torch's results depend on its number of threads, such as LAPACK's factorizations.
Others depend on modes of a thread, such as autocast or the flushing of subnormal numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

from tensorseed.concurrency.cancellation import cancellable, cancelled_with_thread
from tensorseed.concurrency.float_environment import reset_float_environment

T = TypeVar("T")

_starting = threading.Lock()


def run_in_torch_thread(function: Callable[[], T]) -> T:
    """Return the result of `function`, run in a new thread where torch uses one thread.

    Subnormal numbers are kept there, and no mode of the calling thread applies.
    The function is cancelled with the calling thread's computation, and when the caller is interrupted.
    """
    future: Future[T] = Future()
    abandoned = threading.Event()
    inherited, context = cancelled_with_thread(), copy_context()

    def compute() -> None:
        import torch

        try:
            _use_one_thread()
            reset_float_environment()
            torch.set_flush_denormal(False)
            with cancellable(lambda: abandoned.is_set() or inherited()):
                future.set_result(context.run(function))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=compute, name="torch").start()
    try:
        return future.result()
    except BaseException:
        abandoned.set()
        raise


def _use_one_thread() -> None:
    """Let torch use one thread in this new thread, and its usual number in all others.

    `torch.set_num_threads` sets the number of the calling thread and that of threads that begin to compute.
    A second new thread restores the latter.
    """
    import torch

    with _starting:
        usual = torch.get_num_threads()
        torch.set_num_threads(1)
        restoring = threading.Thread(target=torch.set_num_threads, args=(usual,))
        restoring.start()
        restoring.join()
