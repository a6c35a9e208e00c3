"""Files of a revision: card, configs, texts, indices, weights."""

from __future__ import annotations

import hashlib
from functools import partial

from tensorseed.checkpoints.card import CardContext, card
from tensorseed.checkpoints.layout import index_name, pretty
from tensorseed.checkpoints.repo_files import TextFile, WeightsFile
from tensorseed.checkpoints.weight_sets import ADAPTER_CONFIG, WeightSet

COMPUTED = "bfloat16"  # what configs name where weights are float8, in which no model is built


def texts(context: CardContext) -> list[TextFile]:
    """The small files."""
    sets = context.layout.sets
    found = {
        "README.md": card(context),
        **{part.path(part.config_name): pretty(_config(context, part)) for part, _ in sets},
        **{
            path: content.encode() if isinstance(content, str) else pretty(content)
            for path, content in context.recipe.files.items()
        },
        **{
            part.path(index_name(part.weights_name)): layout.index
            for part, layout in sets
            if layout.index is not None
        },
    }
    return [TextFile(path, text) for path, text in found.items()]


def _config(context: CardContext, part: WeightSet) -> dict[str, object]:
    """The config of a set, in the dtype that the revision asks for where its library notes one."""
    config, dtype = dict(part.config), context.revision.dtype
    if dtype is not None and part.config_name != ADAPTER_CONFIG and "_class_name" not in config:
        old = "torch_dtype" in config and "dtype" not in config
        config["torch_dtype" if old else "dtype"] = COMPUTED if dtype.startswith("float8") else dtype
    return config


def weights(context: CardContext) -> list[WeightsFile]:
    """The files of weights, not yet opened."""
    files = []
    for part, layout in context.layout.sets:
        seed = part.seed(context.revision.seed)
        resolved = layout.resolved.reseeded(seed)
        recipe = hashlib.sha256(resolved.recipe.encode()).digest()
        files += [
            WeightsFile(
                part.path(shard.path), shard.size(seed), shard.oid(recipe), partial(shard.open, resolved)
            )
            for shard in layout.shards
        ]
    return files
