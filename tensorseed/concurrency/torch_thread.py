"""Threads in which torch computes alone, with its default modes.

Some of torch's results depend on its number of threads, such as LAPACK's factorizations.
Others depend on modes of a thread, such as autocast or the flushing of subnormal numbers.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import TypeVar

from tensorseed.concurrency.cancellation import cancellable, cancelled_with_thread
from tensorseed.concurrency.float_environment import reset_float_environment

T = TypeVar("T")

MAX_IDLE = 4  # threads of one priority that wait for work


def run_in_torch_thread(function: Callable[[], T]) -> T:
    """Return the result of `function`, run in another thread where torch uses one thread.

    Subnormal numbers are kept there, and no mode of the calling thread applies.
    The function is cancelled with the calling thread's computation, and when the caller is interrupted.
    """
    abandoned = threading.Event()
    inherited, context = cancelled_with_thread(), copy_context()

    def compute() -> T:
        import torch

        reset_float_environment()
        torch.set_flush_denormal(False)
        with cancellable(lambda: abandoned.is_set() or inherited()):
            return context.run(function)

    future = _threads.submit(compute)
    try:
        return future.result()
    except BaseException:
        abandoned.set()
        raise


class TorchThreads:
    """Threads in each of which torch uses one thread, used again by calls of the same priority.

    A call that finds none idle makes one, and all threads that begin to compute meanwhile may use one thread
    of torch as well (`_use_one_thread`). Hence no call ends the thread that it had.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: defaultdict[int, list[ThreadPoolExecutor]] = defaultdict(list)

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Run `function` in a thread that nobody else uses."""
        idle = self._idle[_niceness()]
        with self._lock:
            thread = idle.pop() if idle else ThreadPoolExecutor(1, "torch", _use_one_thread)

        def work() -> T:
            try:
                return function()
            finally:
                with self._lock:
                    if len(idle) < MAX_IDLE:
                        idle.append(thread)
                    else:
                        thread.shutdown(wait=False)

        return thread.submit(work)


_starting = threading.Lock()
_threads = TorchThreads()


def _niceness() -> int:
    """The niceness of the calling thread, which those that it starts inherit; 0 where threads have none."""
    if sys.platform != "linux":
        return 0
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def _use_one_thread() -> None:
    """Let torch use one thread in this new thread, and its usual number in all others.

    OpenMP and MKL have a number for each thread. Where torch's library does not show their functions,
    `torch.set_num_threads` sets the number of the calling thread and that of threads that begin to compute.
    A second new thread restores the latter.
    """
    import torch

    if _set_own_number():
        return
    with _starting:
        usual = torch.get_num_threads()
        torch.set_num_threads(1)
        restoring = threading.Thread(target=torch.set_num_threads, args=(usual,))
        restoring.start()
        restoring.join()


def _set_own_number() -> bool:
    """Let OpenMP and MKL use one thread in the calling thread alone; False where that cannot be set.

    Source: OpenMP 5.2, section 18.2.1; oneMKL reference, mkl_set_num_threads_local
    """
    import torch

    if torch.get_num_threads() == 1:  # the first call in a thread gives it the usual number
        return True
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        library.omp_set_num_threads(1)
        if torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
            library.MKL_Set_Num_Threads_Local(1)  # of C; in small letters it is Fortran's
    except (OSError, AttributeError):
        return False
    return torch.get_num_threads() == 1


def _begin_anew() -> None:
    """Forget the threads of the parent, which a forked process lacks."""
    global _starting, _threads
    _starting, _threads = threading.Lock(), TorchThreads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
