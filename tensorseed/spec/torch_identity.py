"""What the generator `torch` adds to the identity of a file: the version of torch, and the type of device.

Another version of torch may draw other numbers from one seed, and so may another type of device.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from tensorseed.errors import VersionError


@dataclass(frozen=True, slots=True)
class TorchIdentity:
    """`version` is the public part of torch's, such as 2.13.0; `device` is cpu or cuda."""

    version: str
    device: str


@cache
def installed_version() -> str:
    """The public part of this host's torch version, read without importing torch."""
    return version("torch").partition("+")[0]


def check_version(wanted: str | None) -> None:
    """Raise VersionError if a spec was made for another version of torch than this host has."""
    present = installed_version()
    if wanted is not None and wanted != present:
        detail = f"the spec is of torch {wanted} and this host has torch {present}, which may draw other bits"
        raise VersionError(f"{detail}: leave torch_version out, or ask a host with torch {wanted}")


def identity(device: str) -> TorchIdentity:
    """The identity of a file made here on `device`, a device's name."""
    return TorchIdentity(installed_version(), device.partition(":")[0])
