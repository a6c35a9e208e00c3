"""Cache folder that nobody else can write.

The files of a cache of compiled code are pickles, which run code when they are read. So a user who can write
the folder, or one above it, can run code as this one.
"""

from __future__ import annotations

import logging
import os
import stat
from functools import cache as once
from pathlib import Path

PRIVATE = 0o700  # mode of a folder made here

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_MAY_ENTER = stat.S_IRWXG | stat.S_IRWXO

_log = logging.getLogger(__name__)


class CacheFolderError(ValueError):
    """A folder that cannot be used. The message says why."""


def usable_folder(folder: Path, used: str | None = None) -> Path | None:
    """The folder by its real path, made if it is missing; see `trusted_folder`.

    None where it cannot be made or read, or where others could have written what it holds. The log says so.
    """
    try:
        return trusted_folder(folder, used)
    except CacheFolderError as error:
        _warn(f"compiled kernels are not kept: {error}")
        return None


def trusted_folder(folder: Path, used: str | None = None) -> Path:
    """The folder by its real path, made with mode 0700 if it is missing. It may be read-only.

    With `used`, the folder of that name is all below it that is read, and so all that is checked: those of
    other versions may hold thousands of files.

    Raises:
        CacheFolderError: it cannot be made or read, or others can write it, a file below or a folder above.
    """
    try:
        found = Path(os.path.realpath(folder.expanduser()))
        for missing in reversed([found, *found.parents]):
            if not missing.is_dir():
                missing.mkdir(PRIVATE, exist_ok=True)
        if not os.access(found, os.R_OK | os.X_OK):
            raise PermissionError(None, "it cannot be read")
        if hasattr(os, "getuid"):
            _check(found, used)
    except (OSError, RuntimeError) as error:  # a home that is read-only, or none at all
        reason = error.strerror if isinstance(error, OSError) else error
        raise CacheFolderError(f"{folder} cannot be used: {reason}") from None
    return found


@once
def _warn(message: str) -> None:
    _log.warning("%s: name another folder with TENSORSEED_KERNEL_CACHE", message)


def _check(folder: Path, used: str | None) -> None:
    """Check owners and modes: of the folder, of what is above it, and of what is below.

    Raises:
        CacheFolderError: somebody else could have written there.
    """
    for parent in folder.parents:
        mode = parent.stat().st_mode
        _check_path(parent, shared=not mode & stat.S_ISVTX)  # in a sticky folder all own what they make
    _check_path(folder, shared=True)
    shared = bool(folder.stat().st_mode & _OTHERS_MAY_ENTER)
    below = folder if used is None else folder / used
    if below != folder and os.path.lexists(below):
        _check_path(below, shared=shared)
    for place, folders, files in os.walk(below):
        for name in (*folders, *files):
            _check_path(os.path.join(place, name), shared=shared)


def _check_path(path: Path | str, *, shared: bool) -> None:
    """Check the owner, and within a shared place the mode.

    Raises:
        CacheFolderError: somebody else could have written there.
    """
    status = os.lstat(path)  # a path's own takes thrice as long
    if status.st_uid not in (0, os.getuid()):
        raise CacheFolderError(f"{path} belongs to another user, who could run code by it")
    if stat.S_ISLNK(status.st_mode):
        raise CacheFolderError(f"{path} is a link, whose target may be of another user")
    if shared and status.st_mode & _writers(status.st_gid):
        raise CacheFolderError(f"{path} can be written by other users, who could run code by it")


def _writers(gid: int) -> int:
    """The mode bits by which others write what belongs to a group: not those of the user's private group."""
    return stat.S_IWOTH if _is_private(gid) else _OTHERS_MAY_WRITE


@once
def _is_private(gid: int) -> bool:
    """Whether a group is that of this user alone, as many systems make one for each user."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.getuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
