"""Downloads by curl over the loopback, on cores shared with the server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import torch

from benchmarks.client import curl, free_folder
from benchmarks.compare import Measure, in_turn, seconds, timed
from benchmarks.effort import Effort
from benchmarks.machine import CORES, memory
from benchmarks.programs import missing
from benchmarks.rows import Row, Scale, Skipped, Target, compared
from benchmarks.servers import Server, nginx, plain, service

COLUMNS = 16_384
COPIES = 5  # of a file that the memory must hold for a plain endpoint: its own three, and the files stored
STORED = "stored.bin"


class Local:
    """torch's initialiser in this process: into memory fresh from the system, and again into the same."""

    def __init__(self, elements: int) -> None:
        self.elements = elements
        self.tensor = torch.empty(0)

    def fresh(self) -> None:
        """Allocate and fill."""
        self.tensor = torch.nn.init.normal_(torch.empty(self.elements))

    def reused(self) -> float:
        """The seconds to fill it again; its memory goes back."""
        took = seconds(lambda: torch.nn.init.normal_(self.tensor))
        self.tensor = torch.empty(0)
        return took


def serving(effort: Effort) -> Iterator[Row]:
    """All sides of the download rows in turn, a seed of its own for every file."""
    absent = missing("curl")
    if absent:
        yield Skipped(f"downloads of {gibibytes(effort.file_bytes)}", absent)
        return
    torch.set_num_threads(CORES)
    absent, folder = missing("nginx"), free_folder(effort.file_bytes)
    if absent is None and folder is None:
        absent = f"no folder for temporary files has {gibibytes(2 * effort.file_bytes)} free: set TMPDIR"
    with ExitStack() as stack:
        sides = _sides(stack.enter_context(service()), stack.enter_context(plain()), effort)
        if absent is None:
            stored = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix="bench-")))
            store(stored / STORED, effort.file_bytes)
            url = stack.enter_context(nginx(stored)).url(f"/{STORED}")
            sides["nginx"] = timed(lambda: curl(url))
        took = in_turn(sides, effort.downloads)
    yield from _rows(took, effort, absent)


def store(path: Path, size: int) -> None:
    """Write a file that takes its whole room on the disk, and is in the page cache then."""
    piece = torch.randint(0, 256, (1 << 20,), dtype=torch.uint8).numpy().tobytes()
    with path.open("wb") as file:
        for _ in range(size // len(piece)):
            file.write(piece)


def gibibytes(size: int) -> str:
    """A size for people."""
    return f"{size / (1 << 30):g} GiB"


def plain_bytes(effort: Effort) -> int:
    """What is asked of the plain endpoint: the same file, or a half or less of it if memory is short."""
    size = effort.file_bytes
    while COPIES * size > memory():
        size //= 2
    return size


def _sides(ours: Server, theirs: Server, effort: Effort) -> dict[str, Measure]:
    """Seconds of each side for `file_bytes`; a plain endpoint that is asked for less has its own scaled."""
    seeds, local = count(1), Local(effort.file_bytes // 4)
    rows, plain_rows = (size // 4 // COLUMNS for size in (effort.file_bytes, plain_bytes(effort)))
    share = rows / plain_rows

    def ours_of(init: str) -> float:
        url = ours.url(f"/v1/weights?shape={rows},{COLUMNS}&init={init}&seed={next(seeds)}")
        return seconds(lambda: curl(url))

    def plain_endpoint() -> float:
        url = theirs.url(f"/weights?rows={plain_rows}&columns={COLUMNS}")
        return share * seconds(lambda: curl(url))

    return {
        "normal": lambda: ours_of("normal"),
        "zeros": lambda: ours_of("zeros"),
        "fresh": timed(local.fresh),
        "reused": local.reused,
        "plain": plain_endpoint,
    }


def _rows(took: dict[str, list[float]], effort: Effort, no_nginx: str | None) -> Iterator[Row]:
    size, scale = gibibytes(effort.file_bytes), Scale("GB/s", effort.file_bytes / 1e9)
    name, fresh = f"curl of {size} of normals", "`torch.nn.init.normal_` of it, in process, fresh memory"
    normal, zeros = took["normal"], took["zeros"]
    yield compared(name, fresh, normal, took["fresh"], scale, Target(3))
    yield compared(name, fresh.replace("fresh memory", "memory used before"), normal, took["reused"], scale)
    endpoint = f"FastAPI, `torch.nn.init` and `safetensors.torch.save`, {gibibytes(plain_bytes(effort))}"
    yield compared(name, endpoint, normal, took["plain"], scale, Target(8))
    if no_nginx is not None:
        yield Skipped("curl of zeros and of normals against nginx", no_nginx)
        return
    stored = "nginx with sendfile, a stored file"
    yield compared(f"curl of {size} of zeros", stored, zeros, took["nginx"], scale, Target(1))
    yield compared(name, stored, normal, took["nginx"], scale, Target(0.5))
