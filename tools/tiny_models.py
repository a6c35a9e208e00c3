"""Sizes of the small models of transformers' model types.

`python -m tools.tiny_models` takes model types, or none for all of them. Each begins as the defaults of its
config, shrinks as with `--tiny`, and becomes a recipe. A line has the parameters before and after, and why
there is no recipe, if there is none. The last line counts.
"""

from __future__ import annotations

import argparse
import json
import re
from typing import Any, NamedTuple

from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tensorseed.checkpoints.derivation.building import silence
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.from_config import derive
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of
from tensorseed.checkpoints.derivation.tiny.shrinking import MAX_PARAMETERS, parameters, shrunk

CLASS = re.compile(r'"architectures": \["(\w+)"\]')


class Model(NamedTuple):
    """The parameters of a model type, with its defaults and small; `reason` says why it has no recipe."""

    kind: str
    large: int | None
    small: int | None
    reason: str

    @property
    def line(self) -> str:
        """The model as a line of a table."""
        sizes = ["-" if size is None else f"{size:,}" for size in (self.large, self.small)]
        return f"{self.kind:34} {sizes[0]:>18} {sizes[1]:>12}  {self.reason or 'a recipe'}"


def default(kind: str) -> dict[str, Any]:
    """The defaults of a model type, with a class where AutoModel has none.

    Raises:
        Exception: transformers cannot build such a model.
    """
    document = {**json.loads(CONFIG_MAPPING[kind]().to_json_string(use_diff=False)), "model_type": kind}
    try:
        class_of(document, config_of(document))
    except ConfigError as error:
        if (found := CLASS.search(str(error))) is None:
            raise
        document["architectures"] = [found[1]]
    return document


def measured(kind: str) -> Model:
    """A model type with its sizes."""
    large = small = None
    try:
        with silence():
            document = default(kind)
            large = parameters(document)
            if (config := shrunk(document)) is None:
                return Model(kind, large, None, "builds with none of the sizes")
            small = parameters(config)
            derive(config)
    except Exception as error:
        return Model(kind, large, small, f"{type(error).__name__}: {' '.join(str(error).split())[:120]}")
    return Model(kind, large, small, "")


def main() -> None:
    """Print a line for each model type, and how many there are of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="TYPE", help="model types, such as mamba2")
    models = []
    for kind in parser.parse_args().kinds or [*CONFIG_MAPPING]:
        models.append(measured(kind))
        print(models[-1].line, flush=True)
    built = [model for model in models if model.large is not None]
    little = [model for model in built if model.small is not None and model.small <= MAX_PARAMETERS]
    derived = [model for model in built if not model.reason]
    print(
        f"{len(models)} model types, {len(built)} build from their defaults, {len(little)} shrink to at most "
        f"{MAX_PARAMETERS:,} parameters, {len(derived)} have a recipe"
    )


if __name__ == "__main__":
    main()
