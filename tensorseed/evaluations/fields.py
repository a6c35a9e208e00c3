"""The fields of a request, each read by itself: what is wrong with them is noted with its place."""

from __future__ import annotations

from typing import Any

from tensorseed.evaluations.optimizers import OPTIMIZERS, Optimizer
from tensorseed.evaluations.request import EvaluationRequest, Given, LossChoice
from tensorseed.evaluations.request import Variant as Asked
from tensorseed.evaluations.validation import validate
from tensorseed.spec.faults import Located, Path
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.schemes import PartError
from tensorseed.spec.suggestions import unknown_name

MAX_VARIANTS = 16
DTYPES = ("float64", "float32", "bfloat16", "float16")

_LISTS = ("layers", "compare")
_EMPTY: dict[str, Any] = {"layers": [], "input": {}, "target": None, "loss": None, "optimizer": None}


def read_request(document: dict[str, Any], faults: list[Located]) -> EvaluationRequest | None:
    """The fields that hold no others; those that do are read by the functions below, and are empty here."""
    wrong = [name for name in _LISTS if not isinstance(document.get(name, []), list)]
    faults += [((name,), f"{name} must be a list") for name in wrong]
    kept = {name: value for name, value in document.items() if name not in (*_EMPTY, "compare")}
    empty = {name: value for name, value in _EMPTY.items() if name in document}
    found = validate(EvaluationRequest, {**kept, **empty}, (), faults)
    if found is not None:
        check_dtype(found.dtype, ("dtype",), faults)
    return found


def check_dtype(dtype: str | None, path: Path, faults: list[Located]) -> None:
    """Note a dtype that nothing is computed in."""
    if dtype is not None and dtype not in DTYPES:
        faults.append((path, f"networks are computed in {', '.join(DTYPES)}: choose one of them"))


def read_given(raw: Any, name: str, faults: list[Located]) -> Given | None:
    """The input or the target, without its numbers and its init."""
    inner = {key: value for key, value in raw.items() if key not in ("data", "init")} if _is(raw) else raw
    return validate(Given, inner, (name,), faults)


def read_choice(raw: Any, faults: list[Located]) -> str | LossChoice | None:
    """The loss that is meant, by its name alone or as an object."""
    if raw is None or isinstance(raw, str):
        return raw
    name = {key: value for key, value in raw.items() if key == "name"} if _is(raw) else raw
    return validate(LossChoice, name, ("loss",), faults)


def read_optimizer(raw: Any, path: Path, faults: list[Located]) -> Optimizer | None:
    """The optimizer, by its name alone or as an object."""
    if raw is None:
        return None
    named = {"name": raw} if isinstance(raw, str) else raw
    where = path if isinstance(raw, str) else (*path, "name")
    name = named.get("name") if _is(named) else None
    if not isinstance(name, str):
        faults.append((path, "an optimizer is a name, or an object with name and its arguments"))
        return None
    if name not in OPTIMIZERS:
        faults.append((where, unknown_name("optimizer", name, OPTIMIZERS)))
        return None
    found = validate(OPTIMIZERS[name], named, path, faults)
    if found is not None:
        try:
            found.check_arguments()
        except PartError as error:
            faults.append(((*path, *error.path), str(error)))
    return found


def read_variants(raw: Any, faults: list[Located]) -> list[tuple[Asked, dict[str, Any], Optimizer | None]]:
    """The variants, each with its inits as they were sent and its optimizer."""
    found: list[tuple[Asked, dict[str, Any], Optimizer | None]] = []
    if not isinstance(raw, list):
        return found
    if len(raw) > MAX_VARIANTS:
        detail = f"compare has at most {MAX_VARIANTS} variants, this one has {len(raw):,}: leave some out"
        faults.append((("compare",), detail))
        return found
    for place, item in enumerate(raw):
        path = ("compare", place)
        plain = {k: v for k, v in item.items() if k not in ("init", "optimizer")} if _is(item) else item
        asked = validate(Asked, plain, path, faults)
        if asked is None:
            continue
        check_dtype(asked.dtype, (*path, "dtype"), faults)
        inits = item.get("init", {})
        if not _is(inits) or len(inits) > MAX_VARIANTS:
            few = f"an object of at most {MAX_VARIANTS} inits by parameter name"
            faults.append(((*path, "init"), f"init must be {few}"))
            continue
        found.append((asked, inits, read_optimizer(item.get("optimizer"), (*path, "optimizer"), faults)))
    return found


def spec_entries(layers: list[Any], faults: list[Located]) -> dict[int, dict[str, Any]]:
    """The layers with parameters, as entries of a spec, by their places."""
    found = {}
    for place, entry in enumerate(layers):
        kind = entry.get("type") if _is(entry) else None
        if not isinstance(kind, str) or kind not in LAYERS or LAYERS[kind].exclusion:
            continue
        if entry.get("dtype") is not None:
            detail = "the layers of an evaluation share its dtype: leave dtype out, or give it once for all"
            faults.append((("layers", place, "dtype"), detail))
        found[place] = entry
    return found


def _is(value: Any) -> bool:
    return isinstance(value, dict)
