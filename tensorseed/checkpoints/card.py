"""Model cards: README.md of a repository by recipe, seed and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tensorseed.checkpoints.generated_files import tokenized
from tensorseed.checkpoints.layout import InitUse
from tensorseed.checkpoints.model_facts import architecture, base_model, card_data, library_name
from tensorseed.checkpoints.recipe import Recipe
from tensorseed.checkpoints.revision import Revision
from tensorseed.checkpoints.set_layouts import RecipeLayout
from tensorseed.checkpoints.tokenizers import described_tokenizer

MAX_INITS = 16  # that the table lists one by one

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


class CardContext(NamedTuple):
    """Facts of one repository at one revision."""

    recipe: Recipe
    layout: RecipeLayout
    revision: Revision
    commit: str

    @property
    def dtype(self) -> str:
        """The dtype of the tensors that do not have their own."""
        return self.revision.dtype or ", ".join(self.recipe.dtypes)


def card(context: CardContext) -> bytes:
    """The text of the card."""
    parts = (_front_matter, _introduction, _numbers, _load, _tokenizer, _inits, _again)
    return "\n".join(text for part in parts if (text := part(context))).encode()


def _front_matter(context: CardContext) -> str:
    lines = []
    for name, value in card_data(context.recipe).items():
        lines += [f"{name}: {value}"] if isinstance(value, str) else [f"{name}:", *(f"- {v}" for v in value)]
    return "\n".join(("---", *lines, "---", ""))


def _introduction(context: CardContext) -> str:
    recipe = context.recipe
    intro = f"{recipe.description.strip()}\n\n" if recipe.description.strip() else ""
    return f"""# {recipe.id}

{intro}These weights are random: the model was never trained. They were drawn by tensorseed from a recipe and
a seed, each tensor from the distribution of its init. Every byte is a pure function of recipe, seed and
dtype, and nothing is stored.
"""


def _numbers(context: CardContext) -> str:
    layout = context.layout
    rows = {
        "revision": f"`{context.revision.name}`",
        "commit": f"`{context.commit}`",
        "seed": f"{context.revision.seed}",
        "dtype": context.dtype,
        "parameters": f"{sum(layout.parameters.values()):,}",
        "tensors": f"{layout.tensors:,}",
        "size": _size(layout.data_bytes),
        "files of weights": f"{layout.shards:,}",
    }
    return _table(("what", "value"), list(rows.items()))


def _inits(context: CardContext) -> str:
    uses = context.layout.inits
    rows = [(f"`{use.init}`", f"{use.tensors:,}", f"{use.elements:,}") for use in uses[:MAX_INITS]]
    if rest := uses[MAX_INITS:]:
        rows.append(_others(rest))
    table = _table(("init", "tensors", "parameters"), rows)
    return f"## How it was made\n\nInits have the names of `torch.nn.init`, where it has them.\n\n{table}"


def _others(uses: Sequence[InitUse]) -> tuple[str, str, str]:
    tensors, elements = sum(use.tensors for use in uses), sum(use.elements for use in uses)
    return f"{len(uses):,} others", f"{tensors:,}", f"{elements:,}"


def _load(context: CardContext) -> str:
    name, revision = context.recipe.id, context.revision.name
    return f"""## How to load it

Set the environment variable `HF_ENDPOINT` to the address of a tensorseed that has the recipe, such as one
of your own, before Python starts.

```python
{_loading(context.recipe, f'"{name}"', f'revision="{revision}"')}
```
"""


def _loading(recipe: Recipe, name: str, revision: str) -> str:
    """The lines of Python that load a repository."""
    match library_name(recipe):
        case "diffusers" if recipe.config is None:
            return f"""from diffusers import DiffusionPipeline

pipeline = DiffusionPipeline.from_pretrained({name}, {revision})"""
        case "diffusers":
            return f"""from diffusers import AutoModel

model = AutoModel.from_pretrained({name}, {revision})"""
        case "peft":
            return f"""from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained("{base_model(recipe) or "…"}")
model = PeftModel.from_pretrained(base, {name}, {revision})"""
    model = architecture(recipe) or "AutoModel"
    return f"""from transformers import {model}

model = {model}.from_pretrained({name}, {revision})"""


def _tokenizer(context: CardContext) -> str:
    """The generated tokenizers; an empty text where there is none."""
    found = [
        (folder, described)
        for folder, config in tokenized(context.recipe).items()
        if (described := described_tokenizer(config))
    ]
    if not found:
        return ""
    lines = [f"- `{folder}`: {described}" if folder else described for folder, described in found]
    return "## Tokenizer\n\nIt was generated from the config, and knows no words:\n\n" + "".join(
        f"{line}\n" for line in lines
    )


def _again(context: CardContext) -> str:
    name, revision = context.recipe.id, context.revision
    other = Revision(42, "bfloat16" if context.dtype != "bfloat16" else "float32").name
    return f"""## How to regenerate it

With the same `HF_ENDPOINT`:

```sh
hf download {name} --revision {revision.name}
hf download {name} --revision {context.commit}
```

The first gives the seed {revision.seed} of the recipe as it is then; the second these very bytes, or an
error once the recipe has changed. Every number below 2^64 is a seed, and so a revision: `seed-42`, or
`{other}` for another dtype. Each file of weights tells in its
header the spec that it was drawn from, and `tensorseed verify` compares a downloaded one with it.
"""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _size(nbytes: int) -> str:
    """Bytes in decimal units, as storage is sold."""
    value, unit = float(nbytes), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{nbytes:,} bytes" if not unit else f"{value:.1f} {_UNITS[unit]} ({nbytes:,} bytes)"
