"""Commands `tensorseed compile` and `tensorseed recipe`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tensorseed.client.commands import exiting, write_out
from tensorseed.devices.local import DEFAULT_CACHE, KERNEL_CACHE, PORTABLE_KERNELS


@click.command("compile")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    envvar=KERNEL_CACHE,
    default=DEFAULT_CACHE,
    show_default=True,
    show_envvar=True,
    help="Folder of the kernels.",
)
@click.option(
    "--portable/--no-portable",
    envvar=PORTABLE_KERNELS,
    show_envvar=True,
    help="Compile for each level of x86-64 that this processor has.",
)
def compile_kernels(cache: Path, portable: bool) -> None:
    """Compile the kernels of the CPU into the cache.

    The cache may be read-only from then on.
    """
    from tensorseed.concurrency.cache_folder import CacheFolderError, trusted_folder
    from tensorseed.sampling.executors import compile_progress, kernel_cache, portability

    try:
        folder = trusted_folder(cache)
    except CacheFolderError as error:
        raise click.UsageError(f"{error}: name one that can with --cache") from None
    if not os.access(folder, os.W_OK):
        raise click.UsageError(f"{folder} cannot be written: name one that can with --cache")
    compiled = portability.compile_levels(folder) if portable else []
    if not compiled:
        kernel_cache.compile_kernels(folder, compile_progress.for_people())
    click.echo(f"compiled for {', '.join(compiled) or 'this processor'} in {folder}")


@click.command()
@click.argument("config")
@click.option("--id", "name", help="Id of the repository; local/ and the model type if absent.")
@click.option(
    "--weights-only", is_flag=True, help="Write the dtype and the entries alone, as a spec has them."
)
def recipe(config: str, name: str | None, weights_only: bool) -> None:
    """Write the recipe of CONFIG.

    CONFIG is a config.json, or - for standard input. The recipe has the tensors of the model that
    transformers builds from it, each with an init of the same distribution. This needs the extra
    tensorseed[transformers] and no network. Warnings go to standard error. Exit codes are those of fetch.
    """
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with exiting():
        write_out(_derived(config, name, weights_only=weights_only))


def _derived(config: str, name: str | None, *, weights_only: bool) -> str:
    """The text of the recipe.

    Raises:
        ClientError: the config cannot be read, or is refused.
    """
    from tensorseed.checkpoints.derivation import derivation_of
    from tensorseed.checkpoints.recipe import read_recipe, recipe_text
    from tensorseed.client.local_compute import refusing
    from tensorseed.client.source import read_input
    from tensorseed.spec.json.text import dump, load

    text, _ = read_input(config)
    with refusing():
        if name is not None:
            read_recipe(dump({"id": name, "config": {}, "weights": {"layers": []}}), "that --id names")
        document, warnings = derivation_of(load(text), name)
    for warning in warnings:
        click.echo(f"Warning: {warning.pointer}: {warning.detail}", err=True)
    return recipe_text(document["weights"] if weights_only else document)
