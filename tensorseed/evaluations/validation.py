"""Parts of a request as their models, with faults in the house's words."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tensorseed.spec.faults import Located, Path, explain, shortened
from tensorseed.spec.json_io import dump
from tensorseed.spec.size_limits import MAX_FIELDS

M = TypeVar("M", bound=BaseModel)

MAX_ITEMS = 64  # of one list of arguments

_SIZE = "{field} must be a number, or a list of numbers with one for each dimension"


def validate(model: type[M], document: Any, path: Path, faults: list[Located]) -> M | None:
    """The model of a flat object at `path`; None after noting what is wrong with it."""
    if not isinstance(document, dict):
        name = path[-1] if path else "an evaluation"
        what = "this" if isinstance(name, int) else shortened(name)
        faults.append((path, f"{what} must be an object"))
        return None
    oversize = _oversize(document)
    if oversize is not None:
        faults.append(((*path, *oversize[0]), oversize[1]))
        return None
    try:
        return model.model_validate_json(dump(document))
    except ValidationError as error:
        found: dict[Path, str] = {}
        for inner, detail in explain(error, document, model):
            where, sentence = _plain(inner, detail, document)
            found.setdefault((*path, *where), sentence)
        faults += found.items()
        return None


def _plain(path: Path, detail: str, document: dict[str, Any]) -> tuple[Path, str]:
    """The fault without the branch of a union that the validator tried."""
    names = [part for part in path[1:] if isinstance(part, str)]
    if not names or isinstance(document.get(str(path[0])), dict):
        return path, detail
    return path[:1], _SIZE.format(field=path[0])


def _oversize(document: dict[str, Any]) -> Located | None:
    if len(document) > MAX_FIELDS:
        return (), f"an object has at most {MAX_FIELDS} fields, this one has {len(document):,}"
    for name, value in document.items():
        if isinstance(value, list) and len(value) > MAX_ITEMS:
            few = f"at most {MAX_ITEMS} elements"
            return (name,), f"{shortened(name)} has {few}, this one has {len(value):,}: leave some out"
    return None
