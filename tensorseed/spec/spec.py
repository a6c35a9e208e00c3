"""Model of a spec, and the parser from its JSON text to a resolved spec.

JSON is read strictly: "0.5" is no number, true is no 1, NaN and infinities do not exist. An integer stands
for a number with a fraction, if float64 has it. A member that is given twice is a fault. Entries that differ
only in their names are validated and resolved once, which makes a spec of 100,000 tensors cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tensorseed.concurrency.memory import reserve
from tensorseed.concurrency.pieces import free
from tensorseed.errors import SpecError, shortened
from tensorseed.sampling.dtypes import DTYPES, DTypeName
from tensorseed.spec import query
from tensorseed.spec.assignment import Assigner, as_written
from tensorseed.spec.entries import (
    MAX_RULES,
    EntryValidator,
    group_entries,
    read_rules,
)
from tensorseed.spec.expansion import SLOT_BYTES, ResolvedGroup, expand_groups, expand_in_order
from tensorseed.spec.faults import Located, explain, misplaced, spec_error
from tensorseed.spec.json.pointers import MAX_FAULTS
from tensorseed.spec.json.rows import Rows
from tensorseed.spec.json.text import dump, load, load_rows
from tensorseed.spec.layers import AnyEntry
from tensorseed.spec.layers.base import MAX_SLOTS
from tensorseed.spec.limits import Limits
from tensorseed.spec.numbers import Seed
from tensorseed.spec.resolution import resolve_entry
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.rules import Rule, Rules
from tensorseed.spec.schemes import ArgumentError
from tensorseed.spec.size_limits import MAX_FIELDS
from tensorseed.spec.spellings.choices import respell_choices
from tensorseed.spec.spellings.names import respell_fields
from tensorseed.spec.torch_identity import torch_identity
from tensorseed.spec.translation import sent_path, sent_rule_path
from tensorseed.spec.variants import Forms
from tensorseed.suggestions import unknown_name

TORCH_FIELDS = ("torch_version", "torch_kernels", "init_order")
"""The fields that only a spec of generator torch has."""

FLOATING: tuple[str, ...] = get_args(DTypeName)
"""The dtypes of numbers that are drawn."""


class Spec(BaseModel):
    """A file of initialised weights: a seed, and the layers whose tensors it holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    seed: Seed = Field(
        default=0,
        description="0 to 2^64 - 1, a number or a decimal string (JavaScript cannot hold the large numbers).",
        examples=[42, "18446744073709551615"],
    )
    generator: Literal["philox", "torch"] = Field(
        default="philox",
        description="philox: portable, seekable, keyed by tensor name. torch: what PyTorch itself draws.",
        examples=["philox"],
    )
    dtype: DTypeName = Field(
        default="float32",
        description="The dtype of the entries that do not give their own.",
        examples=["bfloat16"],
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:(0|[1-9][0-9]{0,3}))?)$",
        description="Where to compute: auto, cpu, cuda or cuda:N. With philox it never changes a bit; "
        "with torch its type is part of what the bytes depend on, and auto means cpu.",
        examples=["auto", "cuda:0"],
    )
    torch_version: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){1,3}[0-9a-z.]{0,20}(\+[0-9A-Za-z._-]{1,40})?$",
        description="Only with generator torch: the version that must draw, any build of it where the local "
        "part is left out; this host's if left out.",
        examples=["2.13.0+cpu"],
    )
    torch_kernels: str | None = Field(
        default=None,
        pattern=r"^[0-9A-Za-z_.-]{1,160}$",
        description="Only with generator torch: the kernels that must draw, as a recipe names them; this "
        "host's if left out.",
        examples=["x86_64-avx512-873bc6caad10"],
    )
    init_order: Literal["last", "interleaved"] | None = Field(
        default=None,
        description="Only with generator torch. last (default): all entries are built, then their inits run. "
        "interleaved: the inits of an entry run before the next one is built.",
        examples=["interleaved"],
    )
    rules: tuple[Rule, ...] = Field(
        default=(),
        max_length=MAX_RULES,
        description="Inits by pattern of names and by type of layer. The first rule that matches a tensor "
        "gives its init, unless its entry does.",
        examples=[[{"match": "**.bias", "init": "zeros"}]],
    )
    layers: tuple[AnyEntry, ...] = Field(
        description="The entries, each a bare Tensor or a layer type, named as in torch.nn.",
        examples=[[{"name": "fc", "type": "Linear", "in_features": 784, "out_features": 256}]],
    )


class _Outline(Spec):
    """A spec whose entries and rules are validated apart: the model of all takes a tenth of a second."""

    rules: tuple[Any, ...] = ()
    layers: tuple[Any, ...]


def parse_spec(body: bytes, limits: Limits) -> ResolvedSpec:
    """The resolved spec of a JSON text.

    Raises:
        SpecError: the spec is not valid; it holds a pointer and a sentence for every fault.
        TooLargeError: the file is larger than `limits.file_bytes`, or with generator torch than
            `limits.materialised_bytes`.
        VersionError: the spec is of another version or of other kernels of torch than this host's.
    """
    return _resolve(load_rows(body, limits), limits)


def in_dtype(resolved: ResolvedSpec, dtype: str, limits: Limits) -> ResolvedSpec:
    """The same spec in another dtype, but for tensors of int64 and bool.

    Raises:
        SpecError: there is no such dtype, or an init does not take it; the pointer is dtype.
        TooLargeError: the file is larger than a limit.
        VersionError: the spec is of another version or of other kernels of torch than this host's.
    """
    if dtype not in FLOATING:
        raise SpecError.at("dtype", unknown_name("dtype", shortened(dtype), FLOATING))
    document = load(resolved.recipe.encode(), limits)
    for entry in document["layers"]:
        if "dtype" not in entry or not DTYPES[entry["dtype"]].is_integer:
            entry["dtype"] = dtype
    try:
        return replace(_resolve(document, limits), device=resolved.device)
    except SpecError as error:
        raise SpecError.at("dtype", error.faults[0].detail) from None


def parse_query(params: Mapping[str, str], limits: Limits) -> ResolvedSpec:
    """The resolved spec of one tensor in query parameters, equal to that of the same tensor in JSON.

    Raises:
        SpecError: the parameters are not valid; the pointer of a fault is the name of a parameter.
        TooLargeError: the file is larger than `limits.file_bytes`, or with generator torch than
            `limits.materialised_bytes`.
        VersionError: the spec is of another version or of other kernels of torch than this host's.
    """
    document = query.document(params)
    try:
        return _resolve(document, limits, ranges=False)
    except SpecError as error:
        raise SpecError(query.point_at_parameters(error.faults)) from None


def _resolve(document: Any, limits: Limits, *, ranges: bool = True) -> ResolvedSpec:
    faults: list[Located] = []
    rows, document = (document, document.outline) if isinstance(document, Rows) else (None, document)
    spec = _validate(document, faults)
    fields = document if isinstance(document, dict) else {}
    entries, written = fields.get("layers") if rows is None else rows, fields.get("rules")
    rules = read_rules(written, faults, limits) if isinstance(written, list) else Rules()
    assigner = Assigner(rules, limits, faults)
    groups: list[ResolvedGroup] = []
    try:
        if isinstance(entries, list | Rows):
            valid = spec if not written or len(rules) == len(written) else None
            ruled = bool(written)
            _resolve_entries(groups, entries, valid, assigner, limits, faults, ranges=ranges, ruled=ruled)
            free(entries if isinstance(entries, list) else entries.rows)
        if faults and isinstance(written, list):
            faults[:] = [(sent_rule_path(written, path), detail) for path, detail in faults]
        resolved = _resolved(spec, groups, limits, faults)
    finally:
        free(groups)
    return replace(resolved, unused_rules=assigner.unused()) if rules else resolved


def _resolved(
    spec: Spec | None, groups: list[ResolvedGroup], limits: Limits, faults: list[Located]
) -> ResolvedSpec:
    if spec is not None:
        faults += _cross_faults(spec)
    if faults or spec is None:
        raise spec_error(faults)
    if spec.generator == "torch":
        return _resolve_in_order(spec, groups, limits)
    expanded = expand_groups(groups, spec.seed, limits)
    return ResolvedSpec(
        spec.seed, spec.generator, spec.device, expanded.tensors, expanded.recipe, nbytes=expanded.nbytes
    )


def _resolve_entries(
    groups: list[ResolvedGroup],
    entries: list[Any] | Rows,
    spec: Spec | None,
    assigner: Assigner,
    limits: Limits,
    faults: list[Located],
    *,
    ranges: bool,
    ruled: bool,
) -> None:
    """Resolve the entries into `groups`, up to `MAX_FAULTS` or the first exceeded limit.

    Without a valid `spec` the entries are validated and not resolved.
    """
    if len(entries) > limits.tensors:
        detail = f"layers has {len(entries):,} entries, the limit is {limits.tensors:,} tensors"
        faults.append((("layers",), f"{detail}: split the spec"))
        return
    by_torch = spec is not None and spec.generator == "torch"
    yielded = literals = 0
    found = group_entries(entries, faults, limits, by_torch=by_torch, ranges=ranges)
    reserve(SLOT_BYTES * len(found))
    validator = EntryValidator(limits, faults, ruled=ruled)
    forms = Forms(limits)
    for group in found:
        if len(faults) >= MAX_FAULTS or yielded > limits.tensors or literals > limits.values:
            break
        if (variant := forms.find(group)) is not None:
            groups.append(ResolvedGroup(variant, group.names, group.indices))
            yielded += 1
            continue
        entry = validator.validate(group)
        if entry is None or spec is None:
            continue
        written = one = as_written(entry, group)
        try:
            for one in assigner.assign(entry, group) if ruled else (written,):
                resolved = resolve_entry(one.entry, spec.dtype, limits, by_torch=by_torch)
                reserve(SLOT_BYTES * max(len(resolved.tensors) - (one.entry is entry), 0))
                groups.append(ResolvedGroup(resolved, one.names, one.indices, one.positions))
                yielded += len(resolved.tensors)
                literals += resolved.literals
            if not (by_torch or ruled):
                forms.add(group, resolved)
        except ArgumentError as error:
            path, detail = one.located(error)
            if path[0] == "layers":
                path = (*path[:2], *sent_path(group.entry, path[2:]))
            if path[0] != "rules" or all(path != other for other, _ in faults):  # once for each rule
                faults.append((path, detail))
            yielded += MAX_SLOTS  # the bound of what it cost
    free(found)


def _cross_faults(spec: Spec) -> list[Located]:
    """The faults of fields that are valid alone and conflict."""
    return [
        ((name,), f"{name} goes with generator torch: leave it out")
        for name in TORCH_FIELDS
        if spec.generator != "torch" and getattr(spec, name) is not None
    ]


def _resolve_in_order(spec: Spec, groups: list[ResolvedGroup], limits: Limits) -> ResolvedSpec:
    """Resolve a spec of generator torch, whose entries keep their order."""
    device = "cpu" if spec.device == "auto" else spec.device
    factorizes = any(group.entry.is_factorized for group in groups)
    torch = torch_identity(
        device, factorizes=factorizes, version=spec.torch_version, kernels=spec.torch_kernels
    )
    expanded = expand_in_order(groups, spec.seed, limits, torch, interleaved=spec.init_order == "interleaved")
    tensors, recipe, nbytes, steps, interleaved = expanded
    return ResolvedSpec(spec.seed, spec.generator, device, tensors, recipe, steps, torch, nbytes, interleaved)


def _validate(document: Any, faults: list[Located]) -> Spec | None:
    """The model of the document without its entries; None after adding its faults."""
    if not isinstance(document, dict):
        faults.append(((), f"the spec must be an object{misplaced(document)}"))
        return None
    if len(document) > MAX_FIELDS:
        detail = f"the spec has at most {MAX_FIELDS} fields, this one has {len(document):,}: leave some out"
        faults.append(((), detail))
        return None
    empty = {name: type(one)() if isinstance(one, list | dict) else one for name, one in document.items()}
    outline = respell_choices(respell_fields(empty), Spec)
    try:
        return _Outline.model_validate_json(dump(outline))
    except ValidationError as error:
        faults += explain(error, outline, Spec)
        return None
