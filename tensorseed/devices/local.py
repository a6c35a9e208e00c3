"""Computation on this host: settings and sources of elements."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from tensorseed.concurrency.cache_folder import usable_folder
from tensorseed.concurrency.cpu import cores
from tensorseed.spec.limits import Limits

if TYPE_CHECKING:
    from tensorseed.files.elements import ElementSource
    from tensorseed.spec.resolved import ResolvedSpec

THREADS = "TENSORSEED_THREADS"
KERNEL_CACHE = "TENSORSEED_KERNEL_CACHE"
PORTABLE_KERNELS = "TENSORSEED_PORTABLE_KERNELS"
DEFAULT_CACHE = "~/.cache/tensorseed"
LIMITS = Limits(materialised_bytes=1 << 40, token_chars=1 << 26)
"""The limits of a service, except for those that only the memory of a host bounds here."""

_VARIABLES = (THREADS, KERNEL_CACHE, PORTABLE_KERNELS, "HOME")  # that decide the settings

_COUNT: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, le=4_096)])
_FLAG = TypeAdapter(bool)


class LocalSettings(NamedTuple):
    """The threads that compute, and the folder of compiled kernels; None for no folder."""

    threads: int
    kernel_cache: Path | None


def local_settings(threads: int | None = None) -> LocalSettings:
    """Read three of the service's settings: threads, kernel cache and portable kernels.

    The folder is checked once for each value of the variables: that takes a hundred milliseconds where it
    holds thousands of files.

    Raises:
        ValueError: a variable of the environment has no valid value.
    """
    return _local_settings(threads, *map(os.environ.get, _VARIABLES))


@lru_cache(maxsize=16)
def _local_settings(threads: int | None, *_variables: str | None) -> LocalSettings:
    if threads is None:
        threads = _value(THREADS, _COUNT, "a whole number, at least 0, at most 4,096")
    folder = os.environ.get(KERNEL_CACHE, DEFAULT_CACHE)
    if _value(PORTABLE_KERNELS, _FLAG, "true or false"):
        from tensorseed.sampling.machine_code.target import choose

        choose()
    return LocalSettings(threads or cores(), usable_folder(Path(folder)) if folder else None)


def kernels_ready() -> int:
    """Have compiled kernels looked up in their folder, and return the number of threads that compute.

    Raises:
        ValueError: a variable of the environment has no valid value.
    """
    return _kernels_ready(*map(os.environ.get, _VARIABLES))


@lru_cache(maxsize=16)
def _kernels_ready(*_variables: str | None) -> int:
    from tensorseed.sampling.executors.kernel_cache import use_cache

    settings = local_settings()
    use_cache(settings.kernel_cache)
    return settings.threads


def local_source(resolved: ResolvedSpec, kernel_cache: Path | None) -> ElementSource:
    """Return the source of a spec's elements on this host; kernels are compiled at their first use.

    Raises:
        DeviceError: generator torch is to draw on a device that this host lacks.
        CapacityError: the device's memory does not suffice.
        SpecError: torch has no kernel for one of the tensors.
        TooLargeError: torch rejects nearly every candidate of a truncated normal.
    """
    from tensorseed.files.elements import element_source

    if resolved.generator == "philox":
        from tensorseed.sampling.executors.kernel_cache import use_cache

        use_cache(kernel_cache)
        return element_source(resolved)
    from tensorseed.devices.registry import Devices

    with Devices().get(resolved.device).translating_errors():
        return element_source(resolved)


def _value(variable: str, kind: TypeAdapter[int] | TypeAdapter[bool], wanted: str) -> int:
    written = os.environ.get(variable, "0")
    try:
        return kind.validate_python(written)
    except ValidationError:
        raise ValueError(f"{variable}={written} must be {wanted}") from None
