"""Output files, named once they are whole and over nothing unasked."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import SameFileError
from typing import BinaryIO

Inputs = Sequence[os.stat_result]


class OverwriteError(FileExistsError):
    """A file is there already. The message names the parameter `force`, which is an option of commands."""


def check_output(path: Path, inputs: Inputs = (), *, overwrite: bool) -> None:
    """Check that a file may be given the name `path`.

    Raises:
        SameFileError: the path leads to one of the inputs, by whatever name.
        OverwriteError: a file is there already, and `overwrite` is false.
        OSError: a folder, a link, a pipe or a device is there, or nothing can be.
    """
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return
    if path.exists() and any(os.path.samestat(path.stat(), one) for one in inputs):
        raise SameFileError(f"{path} is the input: name another output")
    if not stat.S_ISREG(there.st_mode):
        raise OSError(f"{path} is no regular file: name another output")
    if not overwrite:
        raise OverwriteError(f"{path} exists: name another output, or overwrite it with force=True")


def name_output(unfinished: Path, target: Path, inputs: Inputs = (), *, overwrite: bool) -> None:
    """Rename a whole file to its target; without `overwrite` never over a file that came meanwhile.

    Raises:
        OSError: as `check_output`, or the file cannot be renamed.
    """
    check_output(target, inputs, overwrite=overwrite)
    if overwrite:
        unfinished.replace(target)
        return
    try:
        os.link(unfinished, target)  # which no file stands in the way of unnoticed
    except OSError:  # one does, or the file system has no hard links
        check_output(target, inputs, overwrite=False)
        unfinished.replace(target)
    else:
        unfinished.unlink()


@contextmanager
def open_output(
    target: Path, inputs: Inputs = (), *, overwrite: bool, durable: bool = True
) -> Iterator[BinaryIO]:
    """Open a file that gets the name `target` at the end of the block, unless that fails.

    With `durable` the disk has its bytes by then, which takes time.

    Raises:
        OSError: as `check_output`, or the file cannot be written; what is at `target` is left as it is.
    """
    check_output(target, inputs, overwrite=overwrite)
    unfinished = target.with_name(f".tensorseed-{secrets.token_hex(8)}.tmp")
    try:
        with _opened(unfinished, target) as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        name_output(unfinished, target, inputs, overwrite=overwrite)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _opened(unfinished: Path, target: Path) -> BinaryIO:
    try:
        return unfinished.open("xb")
    except OSError as error:  # of a name that the caller does not know
        raise OSError(error.errno, error.strerror, str(target)) from None
