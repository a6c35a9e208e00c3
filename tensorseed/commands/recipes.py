"""Command `tensorseed recipes`: the model repositories that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, fail, say, write_json, write_lines
from tensorseed.commands.tables import Column, bytes_text, parameters_text, plural, table

EXAMPLES = """
$ tensorseed recipes
$ tensorseed recipes llama
$ tensorseed recipes --json | jq -r '.[].id'
$ tensorseed recipes --url http://127.0.0.1:8000
"""

_COLUMNS = (
    Column("recipe"),
    Column("family"),
    Column("parameters", numeric=True),
    Column("size", numeric=True),
    Column("dtype"),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("words", nargs=-1, metavar="[WORD]...")
@options.url
@options.key
@options.as_json
def recipes(words: tuple[str, ...], urls: tuple[str, ...], key: str | None, as_json: bool) -> None:
    """List the recipes of models, such as gpt2.

    Every WORD is part of the id, an alias, the family or the description. A recipe stands wherever a command
    takes a SPEC, alone or with a revision: tensorseed/tiny-llama@seed-42,dtype=bfloat16.
    """
    options.check_service(urls, key)
    with exiting():
        rows = _remote(urls, key, words) if urls else _local(words)
        if not rows and words:
            fail(f"no recipe has {' and '.join(map(repr, words))} in it: tensorseed recipes lists all", 1)
        if as_json:
            write_json(rows)
            return
        write_lines(table(_COLUMNS, [_row(row) for row in rows]))
        say(f"{plural(len(rows), 'recipe')}; tensorseed plan RECIPE lists the tensors of one")


def _row(row: Mapping[str, Any]) -> list[str]:
    return [
        str(row["id"]),
        str(row.get("family") or ""),
        parameters_text(row["parameters"]),
        bytes_text(row["size"]),
        str(row["dtype"]),
    ]


def _matches(words: Sequence[str], *texts: str | None) -> bool:
    found = " ".join(filter(None, texts)).casefold()
    return all(word.casefold() in found for word in words)


def _remote(urls: Sequence[str], key: str | None, words: Sequence[str]) -> list[dict[str, Any]]:
    """The recipes of a service."""
    from tensorseed.client.sync_client import Client

    with Client(*urls, key=key) as client:
        rows = client.recipes()
    fields = ("id", "family", "description")
    return [row for row in rows if _matches(words, *row.get("aliases", ()), *map(row.get, fields))]


def _local(words: Sequence[str]) -> list[dict[str, Any]]:
    """The shipped recipes, as a service lists them."""
    from tensorseed.checkpoints.library import Library, folders
    from tensorseed.checkpoints.model_facts import family
    from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES
    from tensorseed.devices.local import LIMITS

    library = Library(folders(None), LIMITS, MAX_SHARD_BYTES)
    repositories = map(library.repository, library.ids())
    return [
        repository.snapshot("main").summary()
        for repository, recipe in ((each, each.recipe) for each in repositories)
        if _matches(words, recipe.id, *recipe.aliases, family(recipe), recipe.description)
    ]
