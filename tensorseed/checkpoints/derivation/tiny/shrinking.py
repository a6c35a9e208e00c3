"""Search for the smallest sizes that transformers builds a model with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from tensorseed.checkpoints.derivation.building import Bounds, build, silence
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of
from tensorseed.checkpoints.derivation.tiny.changing import changed, whole, without_computed
from tensorseed.checkpoints.derivation.tiny.fields import Document
from tensorseed.checkpoints.derivation.tiny.refining import Shapes, by_kind, by_shape, proportional
from tensorseed.checkpoints.derivation.tiny.sizes import MULTIPLE, Changes, Sizes, changes_of
from tensorseed.errors import TooLargeError

MAX_MODULES = 4_096
MAX_PARAMETERS = 2_000_000  # a larger model is refined
MAX_REFINEMENTS = 48
MAX_FAILURES = 16  # in a row
MAX_TENSORS = 16_000  # of all refinements together, which bounds their time
WHOLE = 1 << 30  # no width is larger

_TRIALS = (  # from small to large
    Sizes(),
    Sizes(width=128, head_dims=False),
    Sizes(heads=False),
    Sizes(width=128),
    Sizes(width=128, heads=False),
    Sizes(width=256),
    Sizes(width=256, heads=False),
    Sizes(experts=False),
    Sizes(vocabulary=False),
    Sizes(width=512, heads=False),
    Sizes(counts=False),
    Sizes(counts=False, heads=False),
    Sizes(width=WHOLE, heads=False),
    Sizes(width=WHOLE, heads=False, vocabulary=False),
    Sizes(width=WHOLE, heads=False, experts=False),
    Sizes(width=WHOLE, counts=False, heads=False, vocabulary=False, experts=False),
)


class _Built(NamedTuple):
    """A config that transformers builds, and how many parameters of each shape its model has."""

    document: Document
    shapes: Shapes

    @property
    def size(self) -> int:
        return sum(math.prod(shape) * count for shape, count in self.shapes.items())


def shrunk(document: Mapping[str, Any], multiple: int = MULTIPLE) -> Document | None:
    """The checked config with few layers and small sizes, with which transformers builds the model.

    It is the first of the trials that builds, refined where it is above MAX_PARAMETERS.
    A layer of each kind stays, up to four, and so do dtype and architecture. Ids of tokens lie within the
    vocabulary. Widths that shrink with the main one are multiples of `multiple`. None where transformers
    builds it with none of the sizes that are tried.
    """
    with silence():
        try:
            document = without_computed(document)
            full = whole(document)
        except Exception:  # a config that does not fit by itself
            return None
        trials = (sizes._replace(multiple=multiple) for sizes in _TRIALS)
        found = (_built(document, changes_of(full, sizes)) for sizes in trials)
        small = next((built for built in found if built is not None), None)
        return None if small is None else _refined(small, multiple).document


def parameters(document: Mapping[str, Any]) -> int:
    """The parameters of the config's model, each once. Errors of transformers pass unchanged."""
    return _Built(dict(document), _shapes(document)).size


def _shapes(document: Mapping[str, Any]) -> Shapes:
    config = config_of(document)
    model, _ = build(class_of(document, config), config, bounds=Bounds(MAX_MODULES))
    return Counter(tuple(parameter.shape) for parameter in model.parameters())


def _built(document: Mapping[str, Any], changes: Changes) -> _Built | None:
    """The document with the changes; None where transformers cannot build it, for whatever reason."""
    try:
        small = changed(document, changes)
        return _Built(small, _shapes(small))
    except (MemoryError, TooLargeError):
        raise
    except Exception:
        return None


def _refined(best: _Built, multiple: int) -> _Built:
    """A smaller one, by changes that each make it smaller by a hundredth."""
    cost = max(1, best.shapes.total())
    left, tried = min(MAX_REFINEMENTS, MAX_TENSORS // cost), set[str]()
    while best.size > MAX_PARAMETERS and left:
        until = left - MAX_FAILURES
        for changes in _further(best, multiple):
            if not changes or repr(changes) in tried:
                continue
            tried.add(repr(changes))
            left -= 1
            found = _built(best.document, changes)
            if found is not None and 100 * found.size < 99 * best.size:
                best = found
                break
            if left <= max(until, 0):
                return best
        else:
            break
    return best


def _further(built: _Built, multiple: int) -> Iterator[Changes]:
    full = whole(built.document)
    return chain(by_kind(full, multiple), by_shape(full, built.shapes), proportional(full))
