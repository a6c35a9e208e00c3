"""Reading of specs from dicts, texts, files, tokens and recipes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tensorseed.devices.local import LIMITS
from tensorseed.errors import UnknownNameError, UnrepresentableError, UnusedRuleWarning, shortened
from tensorseed.files.output import Inputs
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.json.values import to_json
from tensorseed.spec.lint import unused_rules
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import TOKEN, decode_token
from tensorseed.weights.base import Weights
from tensorseed.weights.local import LocalWeights

SpecSource = Weights | Mapping[str, Any] | str | os.PathLike[str]
"""A spec: a mapping, its JSON text, the path of a JSON file, a token, a shipped recipe, or its weights.

A recipe is named by its id, such as `tensorseed/tiny-llama`, or by id and revision, as the Hub has them:
`tensorseed/tiny-llama@seed-42`, `tensorseed/tiny-llama@seed-42,dtype=bfloat16`, or a commit.
"""


def read_spec(spec: SpecSource) -> tuple[ResolvedSpec, Inputs]:
    """Return the resolved spec, and the file that it was read from.

    Raises:
        SpecError: the spec is not valid; `faults` has a JSON pointer and a remedy for every fault.
        TooLargeError: the spec exceeds a limit.
        UnknownNameError: the string is neither JSON, nor a file, a token or an id.
        VersionError: the spec is of another version or of other kernels of torch.
        UnrepresentableError: the weights are a slice that a service computes.
        OSError: the file cannot be read.
    """
    if isinstance(spec, LocalWeights):
        return spec.resolved, spec.inputs
    if isinstance(spec, Weights):
        return _resolve_token(spec), ()
    if isinstance(spec, Mapping):
        return _parsed(to_json(spec)), ()
    match kind_of(spec), spec:
        case "json", str(text):
            return _parsed(text.encode(errors="surrogatepass")), ()
        case "token", str(token):
            return decode_token(token, LIMITS), ()
        case "recipe", str(name):
            return _resolve_recipe(name), ()
    with Path(spec).open("rb") as file:
        return _parsed(file.read()), (os.fstat(file.fileno()),)


def _parsed(text: bytes) -> ResolvedSpec:
    """The spec of a JSON text; an `UnusedRuleWarning` for every rule that gave no tensor its init."""
    resolved = parse_spec(text, LIMITS)
    for detail in unused_rules(resolved):
        warnings.warn(detail, UnusedRuleWarning, stacklevel=4)
    return resolved


def kind_of(spec: str | os.PathLike[str]) -> Literal["json", "token", "recipe", "path"]:
    """Return what a text stands for; a text that is none of the others is the id of a recipe.

    Raises:
        TypeError: it is neither a text nor a path.
    """
    if not isinstance(spec, str | os.PathLike):
        raise TypeError(f"a spec is a dict, a text or a path, and not {type(spec).__name__}")
    if not isinstance(spec, str):
        return "path"
    if spec.lstrip("\ufeff \t\r\n").startswith("{"):
        return "json"
    if TOKEN.fullmatch(spec):
        return "token"
    is_path = spec.endswith(".json") or os.path.isfile(spec)  # False for a text too long for a path
    return "path" if is_path else "recipe"


def _resolve_token(weights: Weights) -> ResolvedSpec:
    resolved = decode_token(weights.token, LIMITS)
    if weights.etag != f'"{open_file(resolved).digest}"':
        raise UnrepresentableError("the weights are a part of a file, and no spec: open the whole file")
    return resolved


def _resolve_recipe(text: str) -> ResolvedSpec:
    from tensorseed.checkpoints.errors import UnknownEntryError, UnknownRevisionError
    from tensorseed.checkpoints.library import Library, folders
    from tensorseed.checkpoints.recipe import MAX_SHARD_BYTES
    from tensorseed.checkpoints.weight_sets import candidates

    library = Library(folders(None), LIMITS, MAX_SHARD_BYTES)
    name, _, revision = text.partition("@")
    found = next((each for each in candidates(name) if each[0] in library), None)
    if found is None:
        near = library.nearest(name)
        remedy = f"did you mean {near}?" if near else "give a spec, or an id such as tensorseed/tiny-llama"
        raise UnknownNameError(f"{shortened(text)!r} is no file, no token and no id of a recipe: {remedy}")
    known, folder = found
    try:
        return library.repository(known).resolved(revision or "main", folder)
    except (UnknownEntryError, UnknownRevisionError) as error:
        raise UnknownNameError(str(error)) from None
