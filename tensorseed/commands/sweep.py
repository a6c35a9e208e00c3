"""Command `tensorseed sweep`: a grid of evaluations into one table."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, write_out
from tensorseed.commands.tables import plural

if TYPE_CHECKING:
    from tensorseed.sweeps.run import Compute, Progress, Sweep

EXAMPLES = """
$ tensorseed sweep grid.json -o results.parquet
$ tensorseed sweep grid.json -o results.csv --plot picture.svg
$ tensorseed sweep grid.json -o results.csv --plot picture.svg --x sigma_w --y sigma_b --value gradient_gain
$ tensorseed sweep grid.json -o results.csv --plot std.svg --value std
$ tensorseed sweep grid.json -o results.jsonl --json | jq .done
$ tensorseed sweep grid.json -o results.parquet --ray auto
"""

EVENT_SECONDS = 1.0  # between two lines of JSON


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("file", metavar="GRID")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Table to write, .parquet, .csv or .jsonl; it appears when it is whole.",
)
@click.option(
    "--workers", type=click.IntRange(1, 1_024), help="Processes that compute here; one per core if absent."
)
@click.option("--ray", metavar="ADDRESS", help="Ray cluster that computes, as auto; local starts one.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Picture to write, .svg or .png: a heat map of two axes, or lines along one. A table of this grid "
    "that is there is not computed again.",
)
@click.option("--x", metavar="AXIS", help="Axis of the picture; the one with the most numbers if absent.")
@click.option("--y", metavar="AXIS", help="Second axis of a heat map.")
@click.option(
    "--value", metavar="COLUMN", help="Column that the picture shows; a gain or the loss if absent."
)
@click.option("--restart", is_flag=True, help="Compute all points anew, also those of an earlier run.")
@click.option("--force", is_flag=True, help="Overwrite a picture, or a table that --plot does not draw.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="A JSON document a line on standard output, as without a terminal.",
)
@options.quiet("No progress bar, and no line about the table.")
def sweep(
    file: str,
    output: Path,
    workers: int | None,
    ray: str | None,
    plot: Path | None,
    x: str | None,
    y: str | None,
    value: str | None,
    restart: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Evaluate every point of a grid, and write a row for each.

    GRID is a JSON file, or - for standard input, with an evaluation as tensorseed evaluate takes it, and a
    grid of axes and their values. A value goes where the evaluation has ${AXIS}, or to a path such as seed or
    optimizer.lr. Processes of this machine compute, or a Ray cluster. An interrupted sweep leaves
    OUTPUT.part, and the same command goes on from there.
    """
    from tensorseed.client.errors import writing_errors
    from tensorseed.client.source import read_input
    from tensorseed.files.output import check_output, open_output
    from tensorseed.sweeps.computing import versions
    from tensorseed.sweeps.finished import finished_rows
    from tensorseed.sweeps.grid import Grid
    from tensorseed.sweeps.journal import journal_path, open_journal
    from tensorseed.sweeps.results import check_suffix, rows_of, write
    from tensorseed.sweeps.run import Sweep

    if ray is not None and workers is not None:
        raise click.UsageError("--workers are processes of this machine, and --ray names a cluster: give one")
    as_json = not quiet and (as_json or not sys.stderr.isatty())
    with exiting("interrupted: the same command goes on from here", terminated=True):
        text, inputs = read_input(file)
        grid = Grid.read(text)
        _check(partial(check_suffix, output))
        picture = None if plot is None else _picture(grid, plot, x, y, value)
        anew = restart or picture is None or not output.is_file() or journal_path(output).exists()
        for path in filter(None, (output if anew or force else None, plot)):
            with writing_errors(path):
                check_output(path, inputs, overwrite=force)
        if not anew and plot is not None and picture is not None:  # the table is whole already
            where, compute = _workers(workers, ray, 1)
            with writing_errors(output):
                rows = finished_rows(grid, output, compute, force=force)
            if rows:
                with writing_errors(plot), open_output(plot, inputs, overwrite=force) as stream:
                    stream.write(picture(rows))
                _say_drawn(output, plot, rows, quiet=quiet, as_json=as_json)
                return
        with writing_errors(output), open_journal(output, versions(), restart=restart) as journal:
            run = Sweep(grid, journal)
            before = run.done
            where, compute = _workers(workers, ray, len(grid) - before)
            with _progress(run, before, quiet=quiet, as_json=as_json) as progress:
                run.run(compute, progress)
            rows = list(rows_of(grid, run.row))
            with open_output(output, inputs, overwrite=force) as stream:
                write(grid, rows, output.suffix, stream)
            if plot is not None and picture is not None:
                with writing_errors(plot), open_output(plot, inputs, overwrite=force) as stream:
                    stream.write(picture(rows))
            if not run.failed:
                journal.remove()
        summary = _summary(output, run, before, where, rows)
        if as_json:
            _event(summary)
        elif not quiet:
            say(_line(summary))
        if not quiet:
            _say_errors(rows, run)
        if summary["refused"] or summary["failed"]:
            sys.exit(1)


def _say_drawn(output: Path, plot: Path, rows: list[dict[str, Any]], *, quiet: bool, as_json: bool) -> None:
    """Say that a picture was drawn from a table that was there."""
    if as_json:
        _event({"file": str(output), "points": len(rows), "computed": 0, "plot": str(plot)})
    elif not quiet:
        say(f"{plot}: drawn from the {plural(len(rows), 'point')} of {output}")


def _say_errors(rows: list[dict[str, Any]], run: Sweep) -> None:
    """Say each reason of points without numbers, with their number."""
    failed = {index for index, key in enumerate(run.keys) if key in run.failed}
    reasons = Counter((row["point"] in failed, row["error"]) for row in rows if row["error"] is not None)
    for (is_failure, reason), count in reasons.items():
        say(f"{plural(count, 'point')} {'failed' if is_failure else 'refused'}: {reason}")
    if failed:
        say(f"{run.journal.path} keeps the others: the same command with --force computes those that failed")


def _check(check: Any) -> None:
    try:
        check()
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _picture(grid: Any, plot: Path, x: str | None, y: str | None, value: str | None) -> Any:
    """The function from rows to a picture, chosen before anything is computed.

    Raises:
        click.UsageError: the grid has no such picture.
    """
    from importlib.util import find_spec

    from tensorseed.errors import UnrepresentableError
    from tensorseed.sweeps.plots import draw
    from tensorseed.sweeps.plots.choice import choose

    form = plot.suffix.lower()
    if form not in (".svg", ".png"):
        raise click.UsageError(f"--plot {plot}: a picture ends in .svg or .png")
    if find_spec("matplotlib") is None:
        raise UnrepresentableError("the picture needs matplotlib: install it, or leave out --plot")
    try:
        chosen = choose(grid, x, y, value)
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    def drawn(rows: list[dict[str, Any]]) -> bytes:
        try:
            return draw(rows, chosen, "png" if form == ".png" else "svg")
        except (ValueError, ArithmeticError, RuntimeError, MemoryError):
            remedy = "name other axes or another --value, or leave out --plot; the table is whole"
            raise UnrepresentableError(f"{plot} cannot be drawn from these numbers: {remedy}") from None

    return drawn


def _workers(workers: int | None, ray: str | None, left: int) -> tuple[str, Compute]:
    """Words for what computes, and the function that does; no more processes than points that are left."""
    if ray is not None:
        from tensorseed.ray_cluster import connect
        from tensorseed.sweeps import ray_workers

        cores = connect(ray)
        return f"{plural(cores, 'core')} of Ray", partial(ray_workers.compute, cores=cores)
    from tensorseed.concurrency.cpu import cores as own_cores
    from tensorseed.sweeps.workers import compute

    number = max(1, min(workers or own_cores(), left))
    return plural(number, "worker"), partial(compute, workers=number)


@contextmanager
def _progress(run: Sweep, before: int, *, quiet: bool, as_json: bool) -> Iterator[Progress]:
    """Show how many points are done: a bar on a terminal, or a line of JSON a second."""
    total = len(run.grid)
    if as_json:
        done, start, last = before, time.monotonic(), 0.0

        def count(number: int) -> None:
            nonlocal done, last
            done, now = done + number, time.monotonic()
            if now - last >= EVENT_SECONDS:
                last, rate = now, (done - before) / max(now - start, 1e-9)
                left = (total - done) / rate
                _event({"done": done, "points": total, "points_per_second": rate, "seconds_left": left})

        yield count
        return
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("sweep"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as shown:
        task, start, done = shown.add_task("", total=total, completed=before, rate=""), time.monotonic(), 0

        def advance(number: int) -> None:
            nonlocal done
            done += number
            rate = done / max(time.monotonic() - start, 1e-9)
            shown.update(task, advance=number, rate=f"{rate:.1f} points/s")

        yield advance


def _summary(output: Path, run: Sweep, before: int, where: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The metrics of a run."""
    return {
        "file": str(output),
        "points": len(rows),
        "computed": run.computed,
        "done_before": before,
        "refused": sum(row["error"] is not None for row in rows) - len(run.failed),
        "failed": len(run.failed),
        "with_warnings": sum(bool(row["warnings"]) for row in rows),
        "seconds": round(run.seconds, 6),
        "points_per_second": run.computed / run.seconds if run.computed else 0.0,
        "computed_by": where,
    }


def _line(summary: dict[str, Any]) -> str:
    """What was done, in one line."""
    parts = [f"{summary['file']}: {plural(summary['points'], 'point')}"]
    if summary["done_before"]:
        parts.append(f"{summary['done_before']:,} of them done before")
    if summary["computed"]:
        took = f"in {summary['seconds']:.2g} s ({summary['points_per_second']:.3g} points/s)"
        parts.append(f"{summary['computed']:,} computed {took} by {summary['computed_by']}")
    if summary["with_warnings"]:
        parts.append(f"{summary['with_warnings']:,} with warnings")
    return ", ".join(parts)


def _event(document: dict[str, Any]) -> None:
    """Write a line of JSON, at once."""
    import json

    write_out(json.dumps(document) + "\n")
    sys.stdout.flush()
