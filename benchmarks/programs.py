"""Programs and modules that some rows need, and their installation."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

REMEDIES = {
    "nginx": "apt-get install nginx-light",
    "wrk": "apt-get install wrk",
    "curl": "apt-get install curl",
    "jax": "make setup, or pip install jax",
}
PLACES = "/usr/local/sbin:/usr/sbin:/sbin"  # where Debian puts servers, though users' PATH leaves it out


def path_of(program: str) -> str | None:
    """Where a program lies; None where there is none."""
    return shutil.which(program) or shutil.which(program, path=PLACES)


def missing(*names: str) -> str | None:
    """What to say of those that are not here; None if all are."""
    absent = [name for name in names if (find_spec if name == "jax" else path_of)(name) is None]
    if not absent:
        return None
    return f"{' and '.join(absent)} not found ({'; '.join(REMEDIES[name] for name in absent)})"
