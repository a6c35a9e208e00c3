"""Table of the model families whose derivation is tested."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tests.tensorseed.checkpoints.derivation.families import FAMILIES
from tests.tensorseed.checkpoints.derivation.further_families import FURTHER


def families() -> tuple[Sequence[str], Iterable[Sequence[object]]]:
    """Model type, class and what is compared with transformers."""
    return ("model type", "class", "compared with transformers"), _rows()


def _rows() -> Iterator[tuple[str, str, str]]:
    for found, compared in ((FAMILIES, "one seed"), (FURTHER, "eight seeds")):
        for kind, config in sorted(found.items()):
            yield f"`{kind}`", f"`{config['architectures'][0]}`", compared
