"""Command `tensorseed show`: recipe, tensors and statistics of a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, write_json, write_lines
from tensorseed.commands.tables import Column, bytes_text, number_text, plural, shape_text, table

if TYPE_CHECKING:
    from tensorseed.client.local_file import LocalFile
    from tensorseed.client.progress import Progress

EXAMPLES = """
$ tensorseed show mlp.safetensors
$ tensorseed show --no-statistics model-00001-of-00002.safetensors
$ tensorseed show mlp.safetensors --json | jq .recipe
"""
RECIPE = "tensorseed.recipe"  # in the metadata
MAX_TEXT_CHARS = 400  # of a recipe in words

_STATISTICS = ("mean", "std", "min", "max", "zeros", "nonfinite")
_COLUMNS = (
    Column("tensor"),
    Column("shape"),
    Column("dtype"),
    *(Column(name, numeric=True) for name in ("size", *_STATISTICS[:4], "zeros", "NaN or infinite")),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--statistics/--no-statistics",
    "with_statistics",
    default=True,
    help="Mean, deviation and range of each tensor, for which all of the file is read.",
)
@options.as_json
@options.quiet("No progress bar.")
def show(file: Path, with_statistics: bool, as_json: bool, quiet: bool) -> None:
    """Show the recipe, the tensors and their statistics of a safetensors file.

    FILE may be of any program. Statistics are those of the finite elements, in float64.
    """
    from tensorseed.client.local_file import open_local
    from tensorseed.client.progress import bar
    from tensorseed.client.statistics import ALL_ITEM_BYTES
    from tensorseed.spec.json.values import spell_nonfinite

    with exiting(), open_local(file, ALL_ITEM_BYTES) as local:
        size = len(local.data) - len(local.header.content)
        with bar(file.name, size, 0, quiet=quiet or not with_statistics) as progress:
            document = _document(file, local, progress, with_statistics=with_statistics)
        if as_json:
            write_json(spell_nonfinite(document))
        else:
            write_lines(_lines(document))
        lacking = local.header.file_bytes - len(local.data)
        if lacking:
            what = "lacks" if lacking > 0 else "has after its last tensor"
            say(f"Warning: the file {what} {abs(lacking):,} bytes")


def _document(file: Path, local: LocalFile, progress: Progress, *, with_statistics: bool) -> dict[str, Any]:
    from tensorseed.client.statistics import statistics

    tensors = []
    for name, entry in sorted(local.header.tensors.items(), key=lambda item: item[1].start):
        found = statistics(local, entry, progress) if with_statistics else None
        tensors.append(
            {
                "name": name,
                "dtype": entry.dtype,
                "shape": list(entry.shape),
                "bytes": entry.stop - entry.start,
                **(dict.fromkeys(_STATISTICS) if found is None else found._asdict()),
            }
        )
    metadata = dict(local.header.metadata)
    return {
        "file": str(file),
        "bytes": len(local.data),
        "recipe": _recipe(metadata.pop(RECIPE, "")),
        "metadata": metadata,
        "tensors": tensors,
    }


def _recipe(text: str) -> Any:
    """The recipe of the metadata; None of another program's file."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    tensors, recipe = document["tensors"], document["recipe"]
    elements = sum(prod(tensor["shape"]) for tensor in tensors)
    size = f"{document['bytes']:,} bytes ({bytes_text(document['bytes'])})"
    yield f"{document['file']}: {plural(len(tensors), 'tensor')}, {plural(elements, 'element')}, {size}"
    for name, text in document["metadata"].items():
        yield f"{name}: {_cut(text)}"
    if recipe is not None:
        yield f"{RECIPE}: {_cut(json.dumps(recipe, separators=(',', ':')))}"
    yield from table(_COLUMNS, [_row(tensor) for tensor in tensors])


def _cut(text: str) -> str:
    more = len(text) - MAX_TEXT_CHARS
    return f"{text[:MAX_TEXT_CHARS]}… and {more:,} characters more, which --json shows" if more > 0 else text


def _row(tensor: Mapping[str, Any]) -> list[str]:
    *numbers, zeros, nonfinite = (tensor[name] for name in _STATISTICS)
    counts = (f"{count:,}" if count else "" for count in (zeros, nonfinite))
    return [
        tensor["name"],
        shape_text(tensor["shape"]),
        tensor["dtype"],
        bytes_text(tensor["bytes"]),
        *map(number_text, numbers),
        *counts,
    ]
