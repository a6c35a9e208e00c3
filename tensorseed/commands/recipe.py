"""Command `tensorseed recipe`: the recipe of a config."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, write_out

EXAMPLES = """
$ tensorseed recipe config.json > my-model.json
$ tensorseed recipe config.json --tiny --id my/tiny-model > tiny-model.json
$ tensorseed recipe config.json --init '*.A_log=zeros' --weights-only > spec.json
"""

_MODEL_INDEX = "model_index.json"
_CONFIGS = {"config.json", "scheduler_config.json", "tokenizer_config.json", "preprocessor_config.json"}


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("config")
@click.option("--base", help="config.json of an adapter's base, where that is none of the shipped recipes.")
@click.option("--id", "name", help="Id of the repository; local/ and the model type if absent.")
@click.option(
    "--weights-only", is_flag=True, help="Write the dtype and the entries alone, as a spec has them."
)
@click.option(
    "--init",
    "inits",
    multiple=True,
    metavar="PATTERN=INIT",
    help="Init of the tensors whose names match a pattern, as a rule has it; may be given again.",
)
@click.option("--tiny", is_flag=True, help="Shrink the model: a layer of each kind, small sizes.")
def recipe(
    config: str, base: str | None, name: str | None, weights_only: bool, inits: tuple[str, ...], tiny: bool
) -> None:
    """Write the recipe of CONFIG.

    CONFIG is a config.json, or - for standard input. The recipe has the tensors of the model that
    transformers or diffusers builds from it, each with an init of the same distribution. CONFIG may be the
    folder of a pipeline with its model_index.json and the configs of its components, or the
    adapter_config.json of a LoRA, whose base is a recipe or the config at --base. This needs the extra
    tensorseed[transformers], tensorseed[diffusers] or tensorseed[peft] and no network. Warnings go to
    standard error.
    """
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with exiting():
        write_out(_derived(config, base, name, inits, weights_only=weights_only, tiny=tiny))


def _overrides(inits: Sequence[str]) -> dict[str, Any]:
    """The inits by pattern, the first of a pattern counting; a bare word is a scheme's name."""
    from tensorseed.spec.json.text import load

    found: dict[str, Any] = {}
    for text in inits:
        pattern, equals, init = text.partition("=")
        if not equals or not init.strip():
            raise click.UsageError(f"--init takes PATTERN=INIT, such as 'A_log=zeros', and not {text!r}")
        value = load(init.encode()) if init.lstrip()[0] in '{["' else init.strip()
        found.setdefault(pattern.strip(), value)
    return found


def _derived(
    config: str, base: str | None, name: str | None, inits: Sequence[str], *, weights_only: bool, tiny: bool
) -> str:
    """The text of the recipe.

    Raises:
        ClientError: the config cannot be read, or is refused.
    """
    from tensorseed.checkpoints.derivation import derivation_of
    from tensorseed.checkpoints.derivation.adapters.documents import with_base
    from tensorseed.checkpoints.recipe import read_recipe, recipe_text
    from tensorseed.checkpoints.tokenizers import tokenizer_warnings
    from tensorseed.client.local_compute import refusing
    from tensorseed.client.source import read_input
    from tensorseed.spec.json.text import dump, load

    folder = _pipeline_folder(config)
    if folder is not None and weights_only:
        raise click.UsageError("a pipeline has the weights of several models: name the config.json of one")
    text = dump(_pipeline(folder)) if folder is not None else read_input(config)[0]
    with refusing():
        if name is not None:
            read_recipe(dump({"id": name, "config": {}, "weights": {"layers": []}}), "that --id names")
        given = with_base(load(text), partial(_base_config, base))
        document, warnings = derivation_of(given, name, _overrides(inits), tiny=tiny)
    if not weights_only:
        warnings = [*warnings, *tokenizer_warnings(document.get("config") or {})]
    for warning in warnings:
        say(f"Warning: {warning.pointer}: {warning.detail}")
    return recipe_text(document["weights"] if weights_only else document)


def _base_config(path: str | None, name: str) -> dict[str, Any] | None:
    """The config of the base of an adapter: that at a path, or of the shipped recipe of a name."""
    from tensorseed.checkpoints.errors import UnknownRepositoryError
    from tensorseed.checkpoints.library import Library, shipped
    from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES
    from tensorseed.client.source import read_input
    from tensorseed.spec.json.text import load
    from tensorseed.spec.limits import Limits

    if path is not None:
        document = load(read_input(path)[0])
        config = document.get("config", document) if isinstance(document, dict) else None
        return config if isinstance(config, dict) else None
    try:
        return Library([shipped()], Limits(), MAX_SHARD_BYTES).repository(name).recipe.base
    except UnknownRepositoryError:
        return None


def _pipeline_folder(config: str) -> Path | None:
    """The folder of a pipeline that a path means; None for the path of a config."""
    path = Path(config)
    if config == "-" or not path.is_dir():
        return path.parent if path.name == _MODEL_INDEX else None
    return None if (path / "config.json").is_file() and not (path / _MODEL_INDEX).is_file() else path


def _pipeline(folder: Path) -> dict[str, Any]:
    """The document of a pipeline: its index, and configs and texts of the folders that it names.

    Raises:
        ClientError: a file cannot be read, or is no JSON.
    """
    from tensorseed.client.local_compute import refusing
    from tensorseed.client.source import read_input
    from tensorseed.spec.json.text import load

    def read(path: Path) -> Any:
        text, _ = read_input(str(path))
        with refusing():
            return load(text)

    index = read(folder / _MODEL_INDEX)
    components: dict[str, Any] = {}
    files: dict[str, str] = {}
    for name in index if isinstance(index, dict) else ():
        for path in sorted((folder / name).glob("*")) if not name.startswith(("_", ".")) else ():
            if path.name in _CONFIGS:
                components[name] = read(path)
            elif path.suffix in (".json", ".txt") and ".safetensors" not in path.name:
                files[f"{name}/{path.name}"] = read_input(str(path))[0].decode(errors="replace")
    return {"model_index": index, "components": components, "files": files}
