"""The command line: `tensorseed`, or `python -m service`. The only place that reads the environment."""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import click

from tensorseed.checkpoints.errors import RecipeError
from tensorseed.client.commands import COMMANDS, exiting
from tensorseed.sampling.executors import kernel_cache, portability

from .server import serve as server
from .server.app import create_app
from .server.keys import SCOPES, KeysFileError, make_key
from .server.openapi import build_document
from .server.options import bounds, default, every_setting, load_settings
from .server.tracing import TracesError
from .settings import PREFIX, Settings


def calm_openmp() -> None:
    """Let torch's threads sleep between kernels instead of spinning, unless the environment says otherwise.

    They would spin on the cores that streams and other evaluations compute on: three variants of a small
    network took 21 to 33 s on a busy machine, and 5.6 s so. Before torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tensorseed"), prog_name="tensorseed")
def main() -> None:
    """Initialised weight tensors over HTTP."""


for command in COMMANDS:
    main.add_command(command)


@main.command()
@every_setting
def serve(**options: object) -> None:
    """Serve until interrupted. Options go before the environment."""
    settings = load_settings(**options)
    calm_openmp()
    try:
        server.serve(settings)
    except (KeysFileError, RecipeError, TracesError, server.PortError) as error:
        raise click.UsageError(str(error)) from None


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
@click.argument("config")
@click.option("--id", "name", help="Id of the repository; local/ and the model type if absent.")
@click.option("--weights-only", is_flag=True, help="The dtype and the entries alone, as a spec has them.")
def recipe(config: str, name: str | None, weights_only: bool) -> None:
    """Write the recipe of CONFIG, a config.json, or - for standard input.

    It has the tensors of the model that transformers builds from the config, each with an init of the same
    distribution. Needs the extra tensorseed[transformers], and no network. Exit codes are those of fetch.
    """
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with exiting():
        click.echo(_derived(config, name, weights_only=weights_only), nl=False)


def _derived(config: str, name: str | None, *, weights_only: bool) -> str:
    """The text of the recipe. Raises ClientError."""
    from tensorseed.checkpoints.derivation import derive
    from tensorseed.checkpoints.derivation.text import recipe_text
    from tensorseed.checkpoints.recipe import read_recipe
    from tensorseed.client.local_compute import refusing
    from tensorseed.client.part_file import unreadable
    from tensorseed.spec.json_io import dump, load

    try:
        text = sys.stdin.buffer.read() if config == "-" else Path(config).read_bytes()
    except OSError as error:
        raise unreadable(Path(config), error) from None
    with refusing():
        if name is not None:
            read_recipe(dump({"id": name, "config": {}, "weights": {"layers": []}}), "that --id names")
        document = derive(load(text), name)
    return recipe_text(document["weights"] if weights_only else document)


@main.command("compile")
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), help="Folder to keep the loops in."
)
def compile_kernels(cache: Path | None) -> None:
    """Compile the loops of the CPU into the cache, which may be read-only from then on.

    With TENSORSEED_PORTABLE_KERNELS, for every level of x86-64 that this processor has.
    """
    settings = load_settings(kernel_cache=cache)
    folder = settings.cache_folder()
    if folder is None or not os.access(folder, os.W_OK):
        raise click.UsageError("the folder cannot be written: name one that can with --cache")
    compiled = portability.compile_levels(folder) if settings.portable_kernels else []
    if not compiled:
        kernel_cache.compile_kernels(folder)
    click.echo(f"compiled for {', '.join(compiled) or 'this processor'} in {folder}")


@main.command()
def settings() -> None:
    """List every setting: its variable, its present value, its bounds, and what it means."""
    current = load_settings()
    for name, field in Settings.model_fields.items():
        value = getattr(current, name)
        written = "" if value is None else value
        changed = "" if value == field.default else f" (default {default(field)})"
        allowed = f" [{bounds(field)}]" if bounds(field) else ""
        click.echo(f"{PREFIX}{name.upper()}={written}{changed}\n    {field.description}{allowed}")


@main.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What the key covers; all if absent."
)
def key(name: str, scopes: tuple[str, ...]) -> None:
    """Make an API key called NAME. Standard output is its line for the keys file, standard error the key.

    The key itself is written nowhere else.
    """
    try:
        made, line = make_key(name, scopes)
    except KeysFileError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"the key, told this once: {made}", err=True)
    click.echo(line)


if __name__ == "__main__":
    main()
