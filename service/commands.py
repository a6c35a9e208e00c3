"""Commands of the service: `serve`, `settings`, `key` and `openapi`.

A command imports what it runs, so that its help answers at once.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from tensorseed.client.commands import exiting, write_out
from tensorseed.client.errors import writing_errors
from tensorseed.files.output import check_output, open_output

from .processes.signals import handled, immediate
from .settings import PREFIX, Settings
from .settings.environment import SettingsError, bounds, default, read_environment


class StartError(click.ClickException):
    """The service cannot start with these settings. Unlike a wrong option, it is shown without the usage."""

    exit_code = click.UsageError.exit_code


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment, overridden by those that are not None.

    Raises:
        click.UsageError: variables or options have no valid value. The message names each.
    """
    try:
        return read_environment(**overrides)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


def every_setting(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator that gives a command an option for every setting, in the order of the settings."""
    for name, field in reversed(Settings.model_fields.items()):
        command = _option(name, field)(command)
    return command


def _option(name: str, field: FieldInfo) -> Callable[[Callable[..., None]], Callable[..., None]]:
    help_text = f"{field.description}  [{bounds(field) or 'text'}; default: {default(field) or 'empty'}]"
    flag = f"--{name.replace('_', '-')}"
    if field.annotation is bool:
        return click.option(f"{flag}/--no-{name.replace('_', '-')}", name, default=None, help=help_text)
    return click.option(flag, name, metavar="VALUE", help=help_text)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Import without garbage collection: imports make a million objects and no garbage worth a pass.

    The passes take a tenth of the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def calm_openmp() -> None:
    """Let torch's threads sleep between kernels instead of spinning, unless the environment says otherwise.

    They would spin on the cores that streams and other evaluations compute on. Three variants of a small
    network took 21 to 33 s on a busy machine with spinning, and 5.6 s without. It precedes torch's import.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@click.command()
@every_setting
def serve(**options: object) -> None:
    """Serve weights over HTTP until interrupted.

    Options override the environment.
    """
    with handled(immediate()):
        settings = load_settings(**options)
        calm_openmp()
        _serve(settings)


def _serve(settings: Settings) -> None:
    with collector_paused():
        from tensorseed.checkpoints.errors import RecipeError

        from .processes.listening import PortError
        from .processes.supervisor import WorkersError
        from .server import serve as server
        from .server.keys import KeysFileError
        from .server.traces import TracesError

    try:
        server.serve(settings)
    except (KeysFileError, RecipeError, TracesError, PortError, WorkersError) as error:
        raise StartError(str(error)) from None


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; standard output if absent.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def openapi(output: Path | None, force: bool) -> None:
    """Write the OpenAPI document.

    The environment does not change it. Exit codes are those of fetch.
    """
    with exiting():
        if output is not None:
            with writing_errors(output):
                check_output(output, overwrite=force)
        text = _openapi_text()
        if output is None:
            write_out(text)
            return
        with writing_errors(output), open_output(output, overwrite=force) as file:
            file.write(text)


def _openapi_text() -> bytes:
    from .server.app import create_app
    from .server.openapi import build_document

    document = build_document(create_app(Settings.model_construct()))
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


@click.command()
def settings() -> None:
    """List every setting of the service.

    Each has its variable, its present value, its meaning and its bounds.
    """
    current = load_settings()
    for name, field in Settings.model_fields.items():
        value = getattr(current, name)
        written = "" if value is None else value
        changed = "" if value == field.default else f" (default {default(field)})"
        allowed = f" [{bounds(field)}]" if bounds(field) else ""
        click.echo(f"{PREFIX}{name.upper()}={written}{changed}\n    {field.description}{allowed}")


@click.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, help="Scope of the key, any number of times; all if absent."
)
def key(name: str, scopes: tuple[str, ...]) -> None:
    """Make an API key called NAME.

    Standard output is its line for the keys file, standard error the key. The key is stored nowhere.
    """
    from .server.keys import KeysFileError, make_key

    try:
        made, line = make_key(name, scopes)
    except KeysFileError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"The API key, which is not shown again: {made}", err=True)
    click.echo(line)
