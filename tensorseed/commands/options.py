"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from tensorseed.client import KEY_VARIABLE, URL_VARIABLE
from tensorseed.devices.local import LocalSettings, local_settings

_Function = TypeVar("_Function", bound=Callable[..., Any])

url = click.option(
    "--url",
    "urls",
    multiple=True,
    envvar=URL_VARIABLE,
    show_envvar=True,
    help="Service to ask, such as http://127.0.0.1:8000; several share the work. Without one, this machine "
    "computes.",
)
key = click.option("--key", envvar=KEY_VARIABLE, show_envvar=True, help="API key of the service.")
threads = click.option(
    "--threads", type=click.IntRange(0, 4_096), help="Threads that compute here; 0 for one per core."
)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of words.")
force = click.option("--force", is_flag=True, help="Overwrite a file that is there; never the spec.")


def quiet(text: str) -> Callable[[_Function], _Function]:
    """The option --quiet, with its help."""
    return click.option("-q", "--quiet", is_flag=True, help=text)


def check_service(urls: Sequence[str], api_key: str | None) -> None:
    """Check that URLs and a key can be ones.

    Raises:
        click.UsageError: one of them cannot.
    """
    from tensorseed.client.http.arguments import key_fault, server_fault, without_userinfo

    if api_key is not None and (fault := key_fault(api_key)):
        raise click.UsageError(fault)
    for each in urls:
        if fault := server_fault(each):
            raise click.UsageError(f"--url {without_userinfo(each)}: {fault}")


def settings_of(count: int | None) -> LocalSettings:
    """Return the local settings, with the option --threads first.

    Raises:
        click.UsageError: a variable of the environment has no valid value.
    """
    try:
        return local_settings(count)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def services(urls: Sequence[str], base: str | None) -> list[str]:
    """The services to ask: those of --url, else that of a URL as a spec, else those of the environment."""
    source = click.get_current_context().get_parameter_source("urls")
    if base is not None and (not urls or source is not ParameterSource.COMMANDLINE):
        return [base]
    return list(urls)
