"""The spec: what a client sends, as typed models, and the way from its text to a resolved, canonical whole.

JSON is read strictly: "0.5" is no number, true is no 1, NaN and infinities do not exist; an integer is good
for a number with a fraction. Of a key that is given twice the last one counts. Entries that differ only in
their names are validated and resolved once, which is what makes a spec of 100,000 tensors cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.core import query
from service.core.dtypes import DTypeName
from service.core.errors import SpecError
from service.core.expansion import Group, expand_groups, expand_in_order
from service.core.faults import MOST, Path, explain, spec_error
from service.core.layers import AnyEntry
from service.core.limits import Limits
from service.core.names import check_name, is_plain
from service.core.resolution import resolve_entry
from service.core.resolved import ResolvedSpec
from service.core.schemes import PartError
from service.core.torch_identity import check_version, identity

SEEDS = 1 << 64
PLACEHOLDER = "name"
TOO_DEEP = "the body is nested too deeply: write fewer levels"

SeedNumber = Annotated[int, Field(ge=0, lt=SEEDS)]
SeedText = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class Spec(BaseModel):
    """A file of initialised weights: a seed, and the layers whose tensors it holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    seed: SeedNumber | SeedText = Field(
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
        pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){1,3}[0-9a-z.]{0,20}$",
        description="Only with generator torch: the version that must draw; this host's if left out.",
        examples=["2.13.0"],
    )
    layers: tuple[AnyEntry, ...] = Field(
        description="The entries, each a bare Tensor or a torch.nn layer type.",
        examples=[[{"name": "fc", "type": "Linear", "in_features": 784, "out_features": 256}]],
    )


@dataclass(slots=True)
class _Alike:
    """Entries that are equal but for their names."""

    entry: Any  # as sent, without its name
    names: list[str]
    places: list[int]  # the names' entries, as indices in the spec


def parse_spec(body: bytes, limits: Limits) -> ResolvedSpec:
    """The resolved spec of a JSON text.

    Raises SpecError with a pointer for every fault, TooLargeError for a file larger than `limits.file_bytes`
    (`limits.materialised_bytes` with generator torch), VersionError for another version of torch.
    """
    return _resolve(_load(body), limits)


def parse_query(params: Mapping[str, str], limits: Limits) -> ResolvedSpec:
    """The resolved spec of one tensor, given as query parameters; it equals that of the same tensor in JSON.

    Raises as `parse_spec` does; a fault's pointer is the parameter's name.
    """
    document = query.document(params)
    try:
        return _resolve(document, limits)
    except SpecError as error:
        raise SpecError(query.point_at_parameters(error.faults)) from None


def _load(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SpecError.at(
            "", f"the body is not valid JSON, at line {error.lineno}: {_plain(error.msg)}"
        ) from None


def _plain(message: str) -> str:
    return message.split(": line ")[0]


def _resolve(document: Any, limits: Limits) -> ResolvedSpec:
    faults: list[tuple[Path, str]] = []
    alike = _gather(document, faults)
    spec = _validate(document, alike, faults)
    groups: list[Group] = []
    yielded = 0
    for same, entry in zip(alike, spec.layers, strict=True):
        try:
            body = resolve_entry(entry, spec.dtype, limits, by_torch=spec.generator == "torch")
            groups.append(Group(body, same.names, same.places))
            yielded += len(body.members)
        except PartError as error:
            faults.append((("layers", same.places[0], *error.path), str(error)))
        if yielded > limits.tensors or len(faults) >= MOST:  # what follows cannot help
            break
    if spec.generator != "torch" and spec.torch_version is not None:
        faults.append((("torch_version",), "torch_version goes with generator torch: leave it out"))
    seed = int(spec.seed)
    if seed >= SEEDS:
        faults.append((("seed",), f"seed must be at most {SEEDS - 1}"))
    if faults:
        raise spec_error(faults)
    if spec.generator == "torch":
        return _resolve_in_order(spec, groups, seed, limits)
    tensors, recipe = expand_groups(groups, seed, limits)
    return ResolvedSpec(seed, spec.generator, spec.device, tensors, recipe)


def _resolve_in_order(spec: Spec, groups: list[Group], seed: int, limits: Limits) -> ResolvedSpec:
    """The spec of generator torch, whose entries keep their order."""
    check_version(spec.torch_version)
    device = "cpu" if spec.device == "auto" else spec.device
    torch = identity(device)
    tensors, recipe, steps = expand_in_order(groups, seed, limits, torch)
    return ResolvedSpec(seed, spec.generator, device, tensors, recipe, steps, torch)


def _gather(document: Any, faults: list[tuple[Path, str]]) -> list[_Alike]:
    """Put entries together that are equal but for their names, and check the names."""
    if not isinstance(document, dict) or not isinstance(document.get("layers"), list):
        return []
    by_torch = document.get("generator") == "torch"
    alike: dict[bytes, _Alike] = {}
    for index, entry in enumerate(document["layers"]):
        name = PLACEHOLDER
        if isinstance(entry, dict):
            name = entry.pop("name", None)
            if not is_plain(name):
                name = _checked_name(name, index, faults)
            if not by_torch and "stream" in entry and entry["stream"] == name:
                del entry["stream"]
        key = _key(entry)
        if key in alike:
            known = alike[key]
            known.names.append(name)
            known.places.append(index)
        else:
            alike[key] = _Alike(entry, [name], [index])
    return list(alike.values())


def _key(entry: Any) -> bytes:
    """Equal for equal entries, and exact: it tells 1 from 1.0 and 0.0 from -0.0."""
    try:
        return orjson.dumps(entry)
    except TypeError:  # the writer's limit is tighter than the reader's
        raise SpecError.at("", TOO_DEEP) from None


def _checked_name(name: Any, index: int, faults: list[tuple[Path, str]]) -> str:
    """`name`, after noting what is wrong with it; a name that is none is replaced."""
    where = ("layers", index, "name")
    if not isinstance(name, str):
        faults.append((where, "name is required" if name is None else "name must be a string"))
        return PLACEHOLDER
    try:
        check_name(name)
    except ValueError as error:
        faults.append((where, str(error)))
    return name


def _validate(document: Any, alike: list[_Alike], faults: list[tuple[Path, str]]) -> Spec:
    """The model of the document, with one entry for each of `alike`. Raises SpecError."""
    if isinstance(document, dict) and isinstance(document.get("layers"), list):
        entries = [
            {**same.entry, "name": PLACEHOLDER} if isinstance(same.entry, dict) else same.entry
            for same in alike
        ]
        document = {**document, "layers": entries}
    try:
        return Spec.model_validate_json(_key(document))
    except ValidationError as error:
        for path, detail in explain(error, document, Spec):
            if len(path) > 1 and path[0] == "layers":
                path = ("layers", alike[int(path[1])].places[0], *path[2:])
            faults.append((path, detail))
        raise spec_error(faults) from None
