"""Settings of computation in this process, from the environment.

They are three of the service's: `TENSORSEED_THREADS`, `TENSORSEED_KERNEL_CACHE` and
`TENSORSEED_PORTABLE_KERNELS`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import click
from pydantic import Field, TypeAdapter, ValidationError

from tensorseed.concurrency.cpu import cores, usable_folder

THREADS = "TENSORSEED_THREADS"
KERNEL_CACHE = "TENSORSEED_KERNEL_CACHE"
PORTABLE_KERNELS = "TENSORSEED_PORTABLE_KERNELS"

DEFAULT_CACHE = "~/.cache/tensorseed"

_COUNT: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, le=4_096)])
_FLAG = TypeAdapter(bool)


class LocalSettings(NamedTuple):
    """Threads that compute, and the folder of compiled loops; None for no folder."""

    threads: int
    kernel_cache: Path | None


def local_settings(threads: int | None = None) -> LocalSettings:
    """The settings of the environment, with `threads` put first.

    Raises:
        click.UsageError: a variable has no valid value.
    """
    if threads is None:
        threads = _value(THREADS, _COUNT, "a whole number, at least 0, at most 4,096")
    folder = os.environ.get(KERNEL_CACHE, DEFAULT_CACHE)
    if _value(PORTABLE_KERNELS, _FLAG, "true or false"):
        from tensorseed.sampling.executors import portability

        portability.target()
    return LocalSettings(threads or cores(), usable_folder(Path(folder)) if folder else None)


def _value(variable: str, kind: TypeAdapter[int] | TypeAdapter[bool], wanted: str) -> int:
    written = os.environ.get(variable, "0")
    try:
        return kind.validate_python(written)
    except ValidationError:
        raise click.UsageError(f"{variable}={written} must be {wanted}") from None
