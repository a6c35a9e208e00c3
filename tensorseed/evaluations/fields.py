"""Validation of an evaluation request's fields, with faults at paths."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tensorseed.errors import shortened
from tensorseed.evaluations.optimizers import OPTIMIZERS, Optimizer
from tensorseed.evaluations.request import (
    METHODS,
    CalibrationGiven,
    EvaluationRequest,
    Given,
    LossChoice,
    TargetGiven,
)
from tensorseed.evaluations.request import Variant as VariantRequest
from tensorseed.evaluations.respelling import MAX_VARIANTS
from tensorseed.evaluations.variants import Inits
from tensorseed.sampling.dtypes import COMPUTE_DTYPES, FILE_ORDER
from tensorseed.spec.faults import Located, explain
from tensorseed.spec.frameworks import find
from tensorseed.spec.json.pointers import Path
from tensorseed.spec.json.text import dump
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.schemes import SCHEMES, ArgumentError
from tensorseed.spec.size_limits import MAX_FIELDS
from tensorseed.spec.spellings.names import scheme_kind
from tensorseed.spec.translation import normalise_init
from tensorseed.suggestions import MAX_COMPARED_CHARS, misnamed_choice, unknown_name

_OPTIMIZER_NAMES = [name.casefold() for name in OPTIMIZERS]
_ALIKE = 0.75  # of two words, where one is taken for a misspelling of the other
M = TypeVar("M", bound=BaseModel)

MAX_ITEMS = 64  # of one list of arguments

_SIZE = "{field} must be a number, or a list of numbers with one for each dimension"
_VARIANT = 'a variant is an init, an optimizer or a dtype, or an object of them, such as {"seed": 7}'
_LISTS = ("layers", "rules", "compare")
_EMPTY: dict[str, Any] = {
    "layers": [],
    "rules": [],
    "input": {},
    "target": None,
    "loss": None,
    "optimizer": None,
    "calibrate": None,
}


def read_request(document: dict[str, Any], faults: list[Located]) -> EvaluationRequest | None:
    """Read the plain fields; those that hold others are empty, and the functions below read them."""
    wrong = [name for name in _LISTS if not isinstance(document.get(name, []), list)]
    faults += [((name,), f"{name} must be a list") for name in wrong]
    plain = {name: value for name, value in document.items() if name not in (*_EMPTY, "compare")}
    empty = {name: value for name, value in _EMPTY.items() if name in document}
    found = validate(EvaluationRequest, {**plain, **empty}, (), faults)
    if found is not None:
        check_dtype(found.dtype, ("dtype",), faults)
    return found


def check_dtype(dtype: str | None, path: Path, faults: list[Located]) -> None:
    """Add a fault for a dtype that no network is computed in."""
    if dtype is not None and dtype not in COMPUTE_DTYPES:
        names = ", ".join(sorted(COMPUTE_DTYPES, key=FILE_ORDER.__getitem__))
        faults.append((path, f"networks are computed in {names}: choose one of them"))


def read_input(raw: Any, faults: list[Located]) -> Given | None:
    """Read the input, without its numbers and its init."""
    return validate(Given, _without_numbers(raw), ("input",), faults)


def read_target(raw: Any, faults: list[Located]) -> TargetGiven | None:
    """Read the target, without its numbers and its init."""
    return validate(TargetGiven, _without_numbers(raw), ("target",), faults)


def _without_numbers(raw: Any) -> Any:
    return {key: value for key, value in raw.items() if key not in ("data", "init")} if _is(raw) else raw


def read_choice(raw: Any, faults: list[Located]) -> str | LossChoice | None:
    """Read the loss, its kind or an object."""
    if raw is None or isinstance(raw, str):
        return raw
    if _is_misnamed(raw, ("loss",), faults):
        return None
    kind = {key: value for key, value in raw.items() if key == "kind"} if _is(raw) else raw
    return validate(LossChoice, kind, ("loss",), faults)


def read_optimizer(raw: Any, path: Path, faults: list[Located]) -> Optimizer | None:
    """Read the optimizer, its kind or an object."""
    if raw is None:
        return None
    if _is_misnamed(raw, path, faults):
        return None
    given = {"kind": raw} if isinstance(raw, str) else raw
    where = path if isinstance(raw, str) else (*path, "kind")
    kind = given.get("kind") if _is(given) else None
    if not isinstance(kind, str):
        faults.append((path, "an optimizer is its kind, such as SGD, or an object with kind and arguments"))
        return None
    if kind not in OPTIMIZERS:
        faults.append((where, unknown_name("optimizer", kind, OPTIMIZERS)))
        return None
    found = validate(OPTIMIZERS[kind], given, path, faults)
    if found is not None:
        try:
            found.check_arguments()
        except ArgumentError as error:
            faults.append(((*path, *error.path), str(error)))
    return found


def _is_misnamed(raw: Any, path: Path, faults: list[Located]) -> bool:
    """Whether another field stands in the place of kind, after adding its fault."""
    found = misnamed_choice(raw, "kind") if _is(raw) else None
    if found is not None:
        faults.append(((*path, found[0]), found[1]))
    return found is not None


def read_calibration(raw: Any, faults: list[Located]) -> CalibrationGiven | None:
    """Read the calibration, a method or an object."""
    if raw is None:
        return None
    if not isinstance(raw, str | dict):
        faults.append(
            (("calibrate",), 'calibrate is a method, "lsuv", or an object with method and settings')
        )
        return None
    if isinstance(raw, dict):
        before = len(faults)
        if "init" in raw:
            raw = {**raw, "init": normalise_init(raw["init"], ("calibrate", "init"), faults)}
        return validate(CalibrationGiven, raw, ("calibrate",), faults) if len(faults) == before else None
    if raw not in METHODS:
        faults.append((("calibrate",), unknown_name("method", raw, METHODS)))
        return None
    return CalibrationGiven(method=raw)


def read_variants(raw: Any, faults: list[Located]) -> list[tuple[VariantRequest, Inits, Optimizer | None]]:
    """Read the variants, each with its inits as sent and its optimizer."""
    found: list[tuple[VariantRequest, Inits, Optimizer | None]] = []
    if not isinstance(raw, list):
        return found
    if len(raw) > MAX_VARIANTS:
        detail = f"compare has at most {MAX_VARIANTS} variants, this one has {len(raw):,}: leave some out"
        faults.append((("compare",), detail))
        return found
    for index, sent in enumerate(raw):
        path = ("compare", index)
        item, place = _variant_object(sent)
        if (unknown := _unknown_kind(item, sent)) is not None:
            faults.append((path if isinstance(sent, str) else (*path, "kind"), unknown))
            continue
        if not _is(item):
            faults.append((path, _VARIANT))
            continue
        plain = {k: v for k, v in item.items() if k not in ("init", "rules", "optimizer")}
        request = validate(VariantRequest, plain, path, faults)
        if request is None:
            continue
        check_dtype(request.dtype, (*path, "dtype"), faults)
        inits = _read_inits(item.get("init", {}), place)
        if inits is None:
            few = f"an object of at most {MAX_VARIANTS} inits by parameter name"
            faults.append(((*path, "init"), f"init must be {few}, or one init for all matrices"))
            continue
        try:
            _ = inits.expanded
        except ArgumentError as error:
            faults.append(((*path, *error.path), str(error)))
            continue
        if "rules" in item:
            if not isinstance(item["rules"], list):
                faults.append(((*path, "rules"), "rules must be a list"))
                continue
            inits = replace(inits, rules=item["rules"])
        where = (*path, "optimizer") if item is sent else path
        found.append((request, inits, read_optimizer(item.get("optimizer"), where, faults)))
    return found


def _variant_object(sent: Any) -> tuple[Any, Path]:
    """The object that a variant stands for, and the place of its init: a name or an init can stand alone."""
    if isinstance(sent, str):
        if _is_optimizer(sent):
            return {"optimizer": sent}, ()
        return ({"dtype": sent} if sent in COMPUTE_DTYPES else {"init": sent}), ()
    if _is(sent) and "kind" in sent:
        return {"optimizer" if _is_optimizer(sent["kind"]) else "init": sent}, ()
    return sent, ("init",)


def _is_optimizer(kind: Any) -> bool:
    """Whether a kind is an optimizer's, or nearly so, and no scheme's."""
    if not isinstance(kind, str) or kind in SCHEMES or len(kind) > MAX_COMPARED_CHARS:
        return False
    return bool(difflib.get_close_matches(kind.casefold(), _OPTIMIZER_NAMES, 1, _ALIKE))


def _unknown_kind(item: Any, sent: Any) -> str | None:
    """The fault of a variant that stands alone, whose kind is neither a scheme's nor an optimizer's."""
    kind = item.get("init") if item is not sent else None
    kind = kind.get("kind") if isinstance(kind, dict) else kind
    if not isinstance(kind, str) or scheme_kind(kind) in SCHEMES:
        return None
    try:
        known = find(kind) is not None
    except ValueError as error:
        return str(error)
    if known:
        return None
    return f"{unknown_name('scheme', kind, SCHEMES)}; the optimizers are {', '.join(OPTIMIZERS)}"


def _read_inits(raw: Any, place: Path) -> Inits | None:
    """The inits of a variant as sent; None where they are neither an init nor a map."""
    if isinstance(raw, str) or (_is(raw) and "kind" in raw):
        return Inits(matrices=raw, place=place)
    return Inits(raw) if _is(raw) and len(raw) <= MAX_VARIANTS else None


def spec_entries(
    members: Iterable[tuple[Path, str, Any]], faults: list[Located]
) -> dict[Path, dict[str, Any]]:
    """The layers with tensors, as entries of a spec, by path.

    A member is a path, what the name begins with, and the entry as sent.
    """
    found = {}
    for path, prefix, entry in members:
        kind = entry.get("type") if _is(entry) else None
        if not isinstance(kind, str) or kind not in LAYERS or LAYERS[kind].exclusion:
            continue
        if entry.get("dtype") is not None:
            detail = "the layers of an evaluation share its dtype: leave dtype out, or give it once for all"
            faults.append(((*path, "dtype"), detail))
        name = entry.get("name")
        found[path] = {**entry, "name": f"{prefix}{name}"} if isinstance(name, str) else entry
    return found


def _is(value: Any) -> bool:
    return isinstance(value, dict)


def validate(model: type[M], document: Any, path: Path, faults: list[Located]) -> M | None:
    """The model of a flat object at `path`; None after adding its faults."""
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
    """The fault at its field, without the branch of a union that the validator tried."""
    names = [part for part in path[1:] if isinstance(part, str)]
    if not names or isinstance(document.get(str(path[0])), dict):
        return path, detail
    return path[:1], detail if path[0] == "init" else _SIZE.format(field=path[0])


def _oversize(document: dict[str, Any]) -> Located | None:
    if len(document) > MAX_FIELDS:
        return (), f"an object has at most {MAX_FIELDS} fields, this one has {len(document):,}"
    for name, value in document.items():
        if isinstance(value, list) and len(value) > MAX_ITEMS:
            few = f"at most {MAX_ITEMS} elements"
            return (name,), f"{shortened(name)} has {few}, this one has {len(value):,}: leave some out"
    return None
