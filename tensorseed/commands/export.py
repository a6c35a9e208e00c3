"""Command `tensorseed export`: a checkpoint written elsewhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, warning, write_out
from tensorseed.commands.tables import bytes_text, plural

if TYPE_CHECKING:
    from tensorseed.export.report import Report
    from tensorseed.export.run import Export
    from tensorseed.export.shares import Share

EXAMPLES = """
$ tensorseed export tensorseed/tiny-llama-sharded@seed-42 ./tiny-llama
$ tensorseed export tensorseed/llama-3-70b@seed-42,dtype=bfloat16 s3://models/llama-3-70b
$ tensorseed export config.json gs://models/mine --seed 42 --dtype bfloat16
$ tensorseed export tensorseed/llama-3-70b s3://models/llama-3-70b --shard 0/3
$ tensorseed export tensorseed/llama-3-70b s3://models/llama-3-70b --ray auto
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("source")
@click.argument("destination", metavar="DEST")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), help="Seed, where SOURCE names no revision.")
@click.option("--dtype", help="Dtype, such as bfloat16, where SOURCE names no revision.")
@click.option(
    "--shard",
    metavar="I/N",
    help="Part I of N, from 0. By default that of an Indexed Job of Kubernetes or of a Slurm array.",
)
@click.option(
    "--ray", "address", metavar="ADDRESS", help="Ray cluster that works, as auto; local starts one."
)
@click.option("--verify", is_flag=True, help="Read every object back and compare its SHA-256.")
@click.option(
    "--attempts",
    type=click.IntRange(1, 1_000),
    default=10,
    show_default=True,
    help="Attempts of one request to the store.",
)
@click.option("--force", is_flag=True, help="Replace other files and other exports in DEST.")
@options.threads
@click.option("--json", "as_json", is_flag=True, help="A JSON document a line, as without a terminal.")
@options.quiet("No progress bar, and no lines about objects.")
def export(
    source: str,
    destination: str,
    seed: int | None,
    dtype: str | None,
    shard: str | None,
    address: str | None,
    verify: bool,
    attempts: int,
    force: bool,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write a checkpoint into a folder or object storage.

    SOURCE is a recipe such as tensorseed/tiny-llama@seed-42,dtype=bfloat16, the JSON file of a recipe, a
    config.json, or a SPEC, whose only file is written. DEST is a folder, s3://bucket/path, gs://bucket/path
    or az://container/path, with the credentials of the environment.

    The objects are those of the service's repository, byte by byte. An object appears once it is whole, and
    tensorseed.json once all are. The same command goes on where an earlier one ended, and writes nothing
    where all is right.
    """
    from tensorseed.commands.arguments import read_argument

    if shard is not None and address is not None:
        raise click.UsageError("--ray shares the work by itself: leave out --shard")
    share = _share(shard, address)
    shown = sys.stderr.isatty() and not as_json and not quiet
    emit = None if quiet or shown else _write_event
    with exiting("interrupted: the same command goes on from here", terminated=True), warning():
        from tensorseed.export.checkpoint import open_checkpoint, origin_of
        from tensorseed.export.destination import Destination
        from tensorseed.export.report import Report
        from tensorseed.export.run import Export, local_work

        given = read_argument(source)
        checkpoint = open_checkpoint(origin_of(given.source, given.file_name, seed, dtype))
        if address is not None:
            from tensorseed.ray_cluster import connect

            connect(address)  # before anything is there
        target = Destination(destination, attempts)
        run = Export(checkpoint, target, share, force)
        run.prepare()
        report = Report(len(run.files), sum(file.size for file in run.files), emit)
        if address is None:
            work = local_work(target, options.settings_of(threads), report.advance, verify=verify)
        else:
            from tensorseed.export.ray_work import ray_work

            work = ray_work(checkpoint, target, attempts, report.advance, verify=verify)
        with report.bar(checkpoint.name, shown=shown):
            for outcome in run.run(work):
                report.add(outcome)
        _end(run, report, share, emit, quiet=quiet)


def _share(shard: str | None, address: str | None) -> Share:
    """The share that an option or a job says; all of it otherwise.

    Raises:
        click.UsageError: it says none.
    """
    from tensorseed.export.shares import Share, read_share, share_of_job

    try:
        if shard is not None:
            return read_share(shard)
        found = None if address is not None else share_of_job(os.environ)
        return Share() if found is None else found
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _write_event(event: Mapping[str, Any]) -> None:
    write_out(json.dumps(event, allow_nan=False) + "\n")


def _end(
    run: Export,
    report: Report,
    share: Share,
    emit: Callable[[Mapping[str, Any]], None] | None,
    *,
    quiet: bool,
) -> None:
    """Say what was done, as an event or in words."""
    metrics = {
        "source": run.checkpoint.name,
        "destination": run.destination.name,
        "identity": run.checkpoint.identity,
        "shard": str(share),
        **report.metrics(),
        "aborted_uploads": run.aborted,
        "left_out": list(run.checkpoint.left_out),
    }
    if emit is not None:
        emit({"event": "end", **metrics})
    elif not quiet:
        say(_line(metrics))
    if run.aborted is None and not quiet:
        say(
            "Note: this store lists no unfinished uploads here: a lifecycle rule of the bucket removes what "
            "killed writers leave"
        )


def _line(metrics: Mapping[str, Any]) -> str:
    objects, nbytes = metrics["objects"], metrics["bytes"]
    made = objects["written"] + objects["replaced"]
    parts = [f"{plural(made, 'object')} written ({bytes_text(nbytes['written'] + nbytes['replaced'])})"]
    if objects["replaced"]:
        parts.append(f"{objects['replaced']:,} of them in place of wrong ones")
    if objects["kept"]:
        parts.append(f"{objects['kept']:,} right already")
    if metrics["aborted_uploads"]:
        parts.append(f"{plural(metrics['aborted_uploads'], 'unfinished upload')} removed")
    rate = f", {bytes_text(metrics['bytes_per_second'])}/s" if made else ""
    return f"{metrics['destination']}: {', '.join(parts)} in {metrics['seconds']:.2g} s{rate}"
