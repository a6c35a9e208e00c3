"""Program with a supervisor, whose small workers answer their process id.

Each event is a line on standard output: born, ready, stopped, ended. The first argument is the number of
workers, the second the seconds after which a silent one is killed, the third the behaviour.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from functools import partial
from multiprocessing.connection import Connection

from service.processes.signals import graceful, handled
from service.processes.supervisor import Supervisor, WorkersError
from service.processes.worker_process import Pulse, WorkerProcess


def tell(event: str, pid: int, *more: object) -> None:
    os.write(1, (" ".join(map(str, (event, pid, *more))) + "\n").encode())


def work(listening: socket.socket, behaviour: str, _: int, connection: Connection) -> None:
    tell("born", os.getpid())
    pulse = Pulse(connection)
    if behaviour == "fails":
        raise SystemExit(3)
    if behaviour == "aborts":
        os.abort()
    if behaviour == "starts for ever":
        time.sleep(3_600)
    listening.listen(64)
    stopped: list[int] = []
    with handled({**graceful(), 15: lambda number, _: stopped.append(number)}):
        pulse.ready()
        tell("ready", os.getpid())
        while not stopped or behaviour == "stops never":
            with selectors.DefaultSelector() as selector:
                selector.register(listening, selectors.EVENT_READ)
                ready = selector.select(0.2)
            if ready:
                with listening.accept()[0] as client:
                    client.sendall(str(os.getpid()).encode())
            pulse.beat()
        tell("stopped", os.getpid(), "with the service" if pulse.service_stops() else "alone")


def ended(worker: WorkerProcess) -> None:
    tell("ended", worker.pid, worker.cause)


def main() -> None:
    count, hang_seconds, behaviour = sys.argv[1:]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(True)
        tell("port", listening.getsockname()[1])
        target = partial(work, listening, behaviour)
        supervisor = Supervisor(
            target, int(count), 1.0, ended, partial(tell, "serving", 0), hang_seconds=float(hang_seconds)
        )
        try:
            supervisor.run()
        except WorkersError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
