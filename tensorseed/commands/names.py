"""Commands by name, with their sections, summaries and synonyms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """One command: where it is defined, its section of the help, its summary, and the extra that it needs."""

    module: str  # one that begins with a dot is of the service
    function: str
    section: str
    summary: str
    extra: str = "torch"


WEIGHTS, NETWORKS, MODELS = "Weights", "Networks", "Models"
SERVICE, PROGRAM = "Service", "This program"

COMMANDS: Mapping[str, Entry] = {
    "plan": Entry(
        "tensorseed.commands.plan", "plan", WEIGHTS, "List the tensors of SPEC without computing any"
    ),
    "fetch": Entry("tensorseed.commands.fetch", "fetch", WEIGHTS, "Compute or download the file of SPEC"),
    "show": Entry(
        "tensorseed.commands.show",
        "show",
        WEIGHTS,
        "Show the recipe, the tensors and their statistics of a safetensors file",
    ),
    "verify": Entry(
        "tensorseed.commands.verify", "verify", WEIGHTS, "Compute FILE again and compare every tensor"
    ),
    "evaluate": Entry(
        "tensorseed.commands.evaluate",
        "evaluate",
        NETWORKS,
        "Say what the inits of a network do to its signals, gradients and losses",
    ),
    "sweep": Entry(
        "tensorseed.commands.sweep",
        "sweep",
        NETWORKS,
        "Evaluate every point of a grid, and write a row for each",
    ),
    "recipes": Entry(
        "tensorseed.commands.recipes", "recipes", MODELS, "List the recipes of models, such as gpt2"
    ),
    "recipe": Entry(
        "tensorseed.commands.recipe", "recipe", MODELS, "Write the recipe of CONFIG", "transformers"
    ),
    "export": Entry(
        "tensorseed.commands.export",
        "export",
        MODELS,
        "Write a checkpoint into a folder or object storage",
        "export",
    ),
    "serve": Entry(".commands", "serve", SERVICE, "Serve weights over HTTP until interrupted", "service"),
    "settings": Entry(".commands", "settings", SERVICE, "List every setting of the service", "service"),
    "key": Entry(".commands", "key", SERVICE, "Make an API key called NAME", "service"),
    "openapi": Entry(".commands", "openapi", SERVICE, "Write the OpenAPI document", "service"),
    "compile": Entry(
        "tensorseed.commands.kernels",
        "compile_kernels",
        PROGRAM,
        "Compile the kernels of the CPU into the cache",
    ),
    "completion": Entry(
        "tensorseed.commands.completion",
        "completion",
        PROGRAM,
        "Write the script that completes commands and options in a shell",
    ),
}

EXAMPLES = """
$ tensorseed plan 'shape=256,784&init=xavier_uniform&seed=42'
$ tensorseed fetch mlp.json
$ tensorseed fetch tensorseed/tiny-llama@seed-42
$ tensorseed evaluate network.json --plot signals.svg
$ tensorseed serve
"""

_ELSEWHERE: Mapping[str, str] = {
    "compile": "kernels warmup",
    "completion": "autocomplete completions shell-completion",
    "evaluate": "analyse analyze diagnose eval simulate train",
    "export": "push store sync upload",
    "fetch": "build compute create curl download generate get init make pull sample save wget",
    "key": "keys login token",
    "openapi": "docs schema swagger",
    "plan": "dry-run lint preview validate",
    "recipe": "convert derive from-config",
    "recipes": "catalog list ls models repos search zoo",
    "serve": "api daemon run server start up web",
    "settings": "config configuration env options",
    "show": "cat describe dump header info inspect stat stats view",
    "sweep": "batch experiment grid grid-search multirun optimize scan search-space study tune",
    "verify": "check compare diff test",
}
_OPTIONS: Mapping[str, str] = {"help": "--help", "version": "--version"}


def known_as(name: str) -> str | None:
    """The command or the option that a name means in other programs; None where it means none."""
    word = name.casefold().replace("_", "-")
    found = next((command for command, names in _ELSEWHERE.items() if word in names.split()), None)
    return found or _OPTIONS.get(word)
