"""Command `tensorseed plan`: what a file will hold, without computing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, warning, write_json, write_lines
from tensorseed.commands.tables import Column, bytes_text, number_text, plural, shape_text, table

EXAMPLES = """
$ tensorseed plan mlp.json
$ tensorseed plan 'shape=256,784&init=kaiming_normal&nonlinearity=relu'
$ tensorseed plan tensorseed/llama-3-8b
$ tensorseed plan mlp.json --json | jq '.tensors[].std'
"""

_COLUMNS = (
    Column("tensor"),
    Column("shape"),
    Column("dtype"),
    Column("init"),
    Column("fan in", numeric=True),
    Column("fan out", numeric=True),
    Column("mean", numeric=True),
    Column("std", numeric=True),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("spec")
@options.url
@options.key
@options.as_json
def plan(spec: str, urls: tuple[str, ...], key: str | None, as_json: bool) -> None:
    """List the tensors of SPEC without computing any.

    SPEC is what fetch takes. Each tensor has its shape, dtype, init, fans, and the mean and standard
    deviation that the init gives it. Warnings go to standard error. With --json it is the document that
    POST /v1/weights/plan answers.
    """
    from tensorseed.commands.arguments import read_argument

    options.check_service(urls, key)
    with exiting(), warning():
        given = read_argument(spec)
        services = options.services(urls, given.source.base)
        document = _remote(services, key, given.spec) if services else _local(given.source)
        if as_json:
            write_json(document)
            return
        write_lines(_lines(document))
        for found in document["warnings"]:
            place = f"{found['tensor']}: " if found["tensor"] else ""
            say(f"Warning: {place}{found['detail']}")


def _remote(services: list[str], key: str | None, spec: Any) -> dict[str, Any]:
    from tensorseed.client.sync_client import Client

    with Client(*services, key=key) as client:
        return client.plan(spec)


def _local(source: Any) -> dict[str, Any]:
    from tensorseed.client.local_compute import file_of
    from tensorseed.weights.local import LocalWeights

    return LocalWeights(file_of(source)).plan()


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The table, and a line for the file."""
    tensors = document["tensors"]
    yield from table(_COLUMNS, [_row(tensor) for tensor in tensors])
    parameters = sum(prod(tensor["shape"]) for tensor in tensors)
    size = f"{document['size']:,} bytes ({bytes_text(document['size'])})"
    source = f"seed {document['seed']}, generator {document['generator']}"
    yield f"{plural(len(tensors), 'tensor')}, {plural(parameters, 'element')}, {size}, {source}"


def _row(tensor: Mapping[str, Any]) -> list[str]:
    fans = tensor["fans"] or {}
    return [
        tensor["name"],
        shape_text(tensor["shape"]),
        tensor["dtype"],
        str(tensor["init"]["kind"]) if tensor["init"] else "",
        *(number_text(value) for value in (fans.get("in"), fans.get("out"), tensor["mean"], tensor["std"])),
    ]
