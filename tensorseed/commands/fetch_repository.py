"""Repositories that `tensorseed fetch` writes into a folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tensorseed.commands.exits import say, write_json
from tensorseed.commands.tables import bytes_text, plural

if TYPE_CHECKING:
    from tensorseed.client.download import Options
    from tensorseed.client.repository import FetchedRepository


def is_folder(output: str) -> bool:
    """Whether a recipe's output is a folder: one that is there, that ends with a slash, or without a suffix.

    A path without a suffix where something else is, such as a file or a pipe, is that of a file.
    """
    if not output or output == "-":
        return False
    if os.path.lexists(output):
        return os.path.isdir(output)
    return output.endswith(("/", os.sep)) or not Path(output).suffix


def fetch_into(
    folder: Path, recipe: str, chosen: Options, services: list[str], *, as_json: bool, quiet: bool
) -> None:
    """Compute or download every file of a recipe's repository, and say what was done."""
    import asyncio

    from tensorseed.client.repository import compute_repository, fetch_repository

    options = replace(chosen, output=folder)
    if services:
        done = asyncio.run(fetch_repository(services, recipe, options))
    else:
        done = compute_repository(recipe, options)
    if as_json:
        write_json(_document(folder, done, services))
    elif not quiet:
        say(_line(folder, done, services))


def _line(folder: Path, done: FetchedRepository, services: list[str]) -> str:
    """What was done, in one line."""
    there = sum(file.there for file in done.files)
    verb = "downloaded" if services else "computed"
    if services and done.verified:
        verb += " and verified"
    if there == len(done.files):
        verb = "all there already" + (", compared" if done.verified else "")
    rate = f" ({bytes_text(done.nbytes / done.seconds)}/s)" if done.seconds > 0 and done.nbytes else ""
    parts = [
        f"{folder}: {plural(len(done.files), 'file')} of {done.name}@{done.revision}",
        f"{done.size:,} bytes",
    ]
    if 0 < there < len(done.files):
        parts.append(f"{there:,} there already")
    return f"{', '.join([*parts, verb])} in {done.seconds:.2g} s{rate}"


def _document(folder: Path, done: FetchedRepository, services: list[str]) -> dict[str, object]:
    return {
        "folder": str(folder),
        "repository": done.name,
        "revision": done.revision,
        "commit": done.commit,
        "files": [
            {"path": file.path, "bytes": file.size, "sha256": file.digest, "there_already": file.there}
            for file in done.files
        ],
        "bytes": done.size,
        "computed": not services,
        "verified": done.verified,
        "transferred_bytes": done.nbytes,
        "seconds": round(done.seconds, 6),
    }
