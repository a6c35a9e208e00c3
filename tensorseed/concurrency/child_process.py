"""Child process that answers one request after another and can be killed.

Work runs there that changes switches of a whole process, may not end, or may exhaust the memory. A message is
framed by `multiprocessing.connection`. The child ends with its parent, whatever it is computing.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import Connection, Pipe

START_SECONDS = 300.0  # for the imports of the child, on however busy a machine

_READY = b""
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from tensorseed.concurrency.child_process import main; main()"
)

Answer = Callable[[bytes], bytes]


class ChildProcess:
    """A process that starts with the first request and lives on for the next. Any thread may use it."""

    def __init__(self, target: str, *arguments: str) -> None:
        """`target` is `module:function`, which is called once in the child and returns its `Answer`."""
        self._call = (target, *arguments)
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process; None while there is none."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def request(self, message: bytes, seconds: float) -> bytes:
        """The child's answer to a message. Blocks; requests of several threads wait for each other.

        Raises:
            TimeoutError: the answer took longer than so many seconds; the child is killed.
            EOFError: the child died, or was killed by `kill`.
        """
        with self._turn:
            try:
                if self.pid is None or self._connection is None:
                    self._start()
                connection = self._connection
                if connection is None:
                    raise EOFError
                connection.send_bytes(message)
                return _received(connection, seconds)
            except OSError as error:
                self.kill()
                if isinstance(error, TimeoutError):
                    raise
                raise EOFError from None
            except BaseException:
                self.kill()
                raise

    def kill(self) -> None:
        """End the process, and with EOFError a request under way. The next request starts another."""
        process, self._process, self._connection = self._process, None, None
        if process is not None:
            process.kill()
            process.wait()

    def _start(self) -> None:
        self.kill()
        ours, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-c", _START, json.dumps(sys.path), str(theirs.fileno()), *self._call]
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter with this package
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._connection = ours
        _received(ours, START_SECONDS)


def _received(connection: Connection, seconds: float) -> bytes:
    if not connection.poll(seconds):
        raise TimeoutError
    return connection.recv_bytes()


def main() -> None:
    """Answer in the child until the parent is gone."""
    connection = Connection(int(sys.argv[2]))
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, messages), daemon=True).start()
    module, _, function = sys.argv[3].partition(":")
    answer: Answer = getattr(import_module(module), function)(*sys.argv[4:])
    connection.send_bytes(_READY)
    while True:
        connection.send_bytes(answer(messages.get()))


def _listen(connection: Connection, messages: queue.SimpleQueue[bytes]) -> None:
    try:
        while True:
            messages.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(0)
