"""The command line: `tensorseed`, or `python -m service`. The only place that reads the environment."""

from __future__ import annotations

import gc
import json
import sys
from importlib.metadata import version
from pathlib import Path

import click
import uvicorn
from pydantic import ValidationError

from service.api.app import create_app
from service.api.openapi import build_document
from service.settings import PREFIX, Settings


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment, with what the command line gives put first.

    Raises click.UsageError, naming each variable at fault.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = [f"{_origin(fault['loc'], given)}: {fault['msg']}" for fault in error.errors()]
        raise click.UsageError("; ".join(faults)) from None


def tune_collector() -> None:
    """Let the garbage collector look less often, which halves the time of a plan of 100,000 tensors.

    Such a plan is a million objects, none of them garbage. What exists already lives as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _origin(location: tuple[int | str, ...], given: dict[str, object]) -> str:
    name = str(location[0]) if location else "settings"
    return f"--{name.replace('_', '-')}" if name in given else f"{PREFIX}{name.upper()}"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tensorseed"), prog_name="tensorseed")
def main() -> None:
    """Initialised weight tensors over HTTP."""


@main.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="TCP port to listen on; 0 takes a free one.")
@click.option("--threads", type=int, help="Threads that compute; 0 for one per core.")
def serve(host: str | None, port: int | None, threads: int | None) -> None:
    """Serve until interrupted. Options go before the environment."""
    settings = load_settings(host=host, port=port, threads=threads)
    app = create_app(settings)
    tune_collector()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        access_log=settings.access_log,
        loop="auto" if sys.platform == "win32" else "uvloop",
        http="httptools",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=5,
    )


@main.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; standard output if absent.",
)
def openapi(output: Path | None) -> None:
    """Write the OpenAPI document. The environment does not change it."""
    document = build_document(create_app(Settings.model_construct()))
    text = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    if output is None:
        sys.stdout.buffer.write(text)
    else:
        output.write_bytes(text)


@main.command()
def settings() -> None:
    """List every setting: its variable, its present value, and what it means."""
    current = load_settings()
    for name, field in Settings.model_fields.items():
        value = getattr(current, name)
        changed = "" if value == field.default else f" (default {field.default})"
        click.echo(f"{PREFIX}{name.upper()}={value}{changed}\n    {field.description}")


if __name__ == "__main__":
    main()
