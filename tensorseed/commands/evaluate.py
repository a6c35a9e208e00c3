"""Command `tensorseed evaluate`: what an init does to a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, warning, write_json, write_lines
from tensorseed.commands.tables import Column, number_text, shape_text, table

if TYPE_CHECKING:
    from tensorseed.evaluations.display import EvaluationReport

EXAMPLES = """
$ tensorseed evaluate network.json
$ tensorseed evaluate network.json --plot signals.svg
$ tensorseed evaluate network.json --json | jq '.layers[].std'
$ tensorseed evaluate network.json --url http://127.0.0.1:8000
"""

_LAYERS = {
    "std": "std",
    "gradient_std": "gradient std",
    "zeros": "zeros",
    "dead": "dead",
    "saturated": "saturated",
}
_LAYER_COLUMNS = (
    Column("layer"),
    Column("type"),
    Column("output"),
    *(Column(title, numeric=True) for title in _LAYERS.values()),
)
_VARIANT_COLUMNS = (
    Column("variant"),
    Column("last layer's std", numeric=True),
    Column("gradient norm", numeric=True),
    Column("loss", numeric=True),
    Column("expected", numeric=True),
    Column("after the steps", numeric=True),
    Column("warnings"),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("file", metavar="EVALUATION")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Picture of the signals and losses to write, .svg or .png.",
)
@click.option("--force", is_flag=True, help="Overwrite a picture that is there.")
@options.url
@options.key
@options.as_json
def evaluate(
    file: str, plot: Path | None, force: bool, urls: tuple[str, ...], key: str | None, as_json: bool
) -> None:
    """Say what the inits of a network do to its signals, gradients and losses.

    EVALUATION is a JSON file, or - for standard input. It has the layers and the input of a network, and
    perhaps a loss, steps and inits to compare, as for POST /v1/evaluations. The report has a row for each
    layer, or for each variant, and warnings in words. This machine computes it, or a service at --url.
    """
    from tensorseed.client.errors import writing_errors
    from tensorseed.client.source import read_input
    from tensorseed.files.output import check_output, open_output

    options.check_service(urls, key)
    if plot is not None and plot.suffix.lower() not in (".svg", ".png"):
        raise click.UsageError(f"--plot {plot}: a picture ends in .svg or .png")
    with exiting(), warning():
        text, inputs = read_input(file)
        if plot is not None:
            with writing_errors(plot):
                check_output(plot, inputs, overwrite=force)
        with _waiting("evaluating"):
            report = _remote(urls, key, text) if urls else _local(text)
        if plot is not None:
            with _waiting("drawing"):
                picture = report.png() if plot.suffix.lower() == ".png" else report.svg().encode()
            with writing_errors(plot), open_output(plot, inputs, overwrite=force) as output:
                output.write(picture)
            say(f"{plot}: {len(picture):,} bytes, the signals{_and_losses(report)}")
        if as_json:
            write_json(_without_weights(report))
        else:
            write_lines(_lines(report))


def _remote(urls: Sequence[str], key: str | None, text: bytes) -> EvaluationReport:
    from tensorseed.client.sync_client import Client

    with Client(*urls, key=key) as client:
        return client.evaluate(text.decode(errors="surrogateescape"))


def _local(text: bytes) -> EvaluationReport:
    from tensorseed.client.local_compute import refusing
    from tensorseed.devices.local import kernels_ready
    from tensorseed.evaluations import LOCAL_LIMITS, evaluate, read_evaluation
    from tensorseed.evaluations.display import EvaluationReport

    try:
        kernels_ready()
    except ValueError as error:  # a variable of the environment
        raise click.UsageError(str(error)) from None
    with refusing():
        return EvaluationReport.of(evaluate(read_evaluation(text, LOCAL_LIMITS)))


def _without_weights(report: EvaluationReport) -> dict[str, Any]:
    """The document, without the arrays that a service sends with `return_weights`."""
    plain = [{name: value for name, value in each.items() if name != "weights"} for each in report.reports]
    return {"reports": plain} if "reports" in report else plain[0]


def _waiting(what: str) -> AbstractContextManager[Any]:
    """A sign of work, within the block, where standard error is a terminal."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(f"{what} …")


def _and_losses(report: EvaluationReport) -> str:
    return " and losses" if any(each.get("loss") is not None for each in report.reports) else ""


def _lines(report: EvaluationReport) -> Iterator[str]:
    """The table of the variants, or of the layers of the only network, and then the warnings."""
    from tensorseed.evaluations.display import summary

    reports = report.reports
    if "reports" in report:
        yield from table(_VARIANT_COLUMNS, [_variant_row(each) for each in reports])
    else:
        yield from table(_LAYER_COLUMNS, [_layer_row(layer) for layer in report["layers"]])
        yield summary(report)
    for each in reports:
        for found in each.get("warnings") or ():
            label = f"{each['label']}: " if each.get("label") is not None else ""
            yield f"{label}{found.get('layer') or 'the network'}: {found['detail']}"


def _layer_row(layer: Mapping[str, Any]) -> list[str]:
    return [
        layer["name"],
        layer["type"],
        shape_text(layer["shape"]),
        *(number_text(layer.get(name)) for name in _LAYERS),
    ]


def _variant_row(report: Mapping[str, Any]) -> list[str]:
    layers, steps, warnings = report["layers"], report["steps"], report["warnings"]
    expected = report.get("expected_loss") or {}
    codes = dict.fromkeys(str(found["code"]) for found in warnings)
    return [
        str(report["label"]),
        number_text(layers[-1]["std"] if layers else None),
        number_text(report.get("gradient_norm")),
        number_text(report.get("loss")),
        number_text(expected.get("value")),
        number_text(steps[-1] if steps else None),
        ", ".join(codes),
    ]
