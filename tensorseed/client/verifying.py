"""`verify`: a stored file is compared with what its own recipe gives."""

from __future__ import annotations

from pathlib import Path

from tensorseed.client.comparison import FileReport, compare
from tensorseed.client.local_file import open_local
from tensorseed.client.progress import bar
from tensorseed.client.recipes import named_file


def verify_file(path: Path, local: tuple[int, Path | None], *, quiet: bool) -> FileReport:
    """How the file at `path` compares; `local` is the threads and the kernel cache to compute with.

    Raises RefusedError, MismatchError and DiskError where it cannot be compared at all.
    """
    with open_local(path) as file:
        named = named_file(file)
        with bar(path.name, named.size - len(named.header), 0, quiet=quiet) as progress:
            return compare(file, named, *local, progress)
