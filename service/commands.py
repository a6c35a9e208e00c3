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

from tensorseed.client.errors import DiskError, writing_errors
from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, write_json, write_lines, write_out
from tensorseed.concurrency.cpu import cores
from tensorseed.concurrency.streams import MISSING
from tensorseed.files.output import check_output, open_output

from .processes.signals import handled, immediate
from .settings import PREFIX, Settings
from .settings.environment import SettingsError, bounds, default, read_environment

SERVING = """
$ tensorseed serve
$ tensorseed serve --host 0.0.0.0 --port 9000
$ tensorseed serve --keys-file keys --key-requests 100
$ TENSORSEED_WORKERS=4 tensorseed serve --log-format json
"""
SETTING = """
$ tensorseed settings
$ tensorseed settings | grep -A 1 PORT
$ tensorseed settings --json
"""
MAKING_KEYS = """
$ tensorseed key alice >> keys
$ tensorseed key bob --scope weights --scope losses >> keys
$ tensorseed key ci --json | jq -r .key
$ tensorseed serve --keys-file keys
"""
DESCRIBING = """
$ tensorseed openapi > openapi.json
$ tensorseed openapi --output openapi.json --force
"""
SERVICE_CODES = """
0    done; the service has stopped after a signal
1    a fault of the service
2    the command line or a setting is wrong, or a port is taken
5    a file, standard output or, of a key, standard error cannot be written
130  interrupted before it served
"""


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

    The passes take a tenth of the start. What was imported is frozen: the next pass would look at all of it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def calm_openmp(threads: int) -> None:
    """Let torch's threads sleep between kernels instead of spinning, and be at most `threads`.

    What the environment says of them stays. Torch knows no quota of a container: it would have a thread for
    each core of the host. They would spin on the cores that streams and other evaluations compute on. Three
    variants of a network took 21 to 33 s on a busy machine with spinning, and 5.6 s without. It precedes
    torch's import.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OMP_NUM_THREADS", str(min(threads, cores())))


@click.command(cls=Command, groups=Settings.groups(), examples=SERVING, codes=SERVICE_CODES)
@every_setting
def serve(**given: object) -> None:
    """Serve weights over HTTP until interrupted.

    A page for browsers is at /, and the interface at /docs. Every option is a variable of the environment as
    well, TENSORSEED_PORT for --port; an option wins.
    """
    with handled(immediate()):
        settings = load_settings(**given)
        calm_openmp(settings.thread_count())
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


@click.command(cls=Command, examples=DESCRIBING)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; standard output if absent.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def openapi(output: Path | None, force: bool) -> None:
    """Write the OpenAPI document.

    The environment does not change it.
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


@click.command(cls=Command, examples=SETTING, codes=SERVICE_CODES)
@options.as_json
def settings(as_json: bool) -> None:
    """List every setting of the service.

    Each has its variable, its present value, its meaning and its bounds.
    """
    current = load_settings()
    if as_json:
        write_json(
            {f"{PREFIX}{name.upper()}": value for name, value in current.model_dump(mode="json").items()}
        )
        return
    for heading, names in Settings.groups().items():
        write_lines([f"# {heading}", *(_described(current, name) for name in names), ""])


def _described(current: Settings, name: str) -> str:
    field, value = Settings.model_fields[name], getattr(current, name)
    written = "" if value is None else value
    changed = "" if value == field.default else f" (default {default(field)})"
    allowed = f" [{bounds(field)}]" if bounds(field) else ""
    return f"{PREFIX}{name.upper()}={written}{changed}\n    {field.description}{allowed}"


@click.command(cls=Command, examples=MAKING_KEYS, codes=SERVICE_CODES)
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, help="Scope of the key, any number of times; all if absent."
)
@options.as_json
def key(name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make an API key called NAME.

    Standard output is its line for the keys file, standard error the key; with --json standard output has
    both. The key is stored nowhere.
    """
    from .server.keys import KeysFileError, make_key

    try:
        made, line = make_key(name, scopes)
    except KeysFileError as error:
        raise click.UsageError(str(error)) from None
    with exiting():
        if as_json:
            write_json({"name": name, "scopes": scopes, "key": made, "line": line})
        else:
            _show_key(made)  # first, since a line alone records a key that nobody has
            write_lines([line])


def _show_key(made: str) -> None:
    """Write a key to standard error.

    Raises:
        DiskError: it is closed or takes no more.
    """
    where = "leave standard error open, or use --json"
    if "stderr" in MISSING:
        raise DiskError(f"standard error is closed and cannot show the key: {where}")
    try:
        say(f"The API key, which is not shown again: {made}")
    except OSError as error:
        reason = (error.strerror or "the system refuses it").lower()
        raise DiskError(f"standard error cannot show the key ({reason}): {where}") from None
