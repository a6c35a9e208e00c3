"""Recipe entries of recorded tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from tensorseed.checkpoints.derivation.op_rules import storage_of
from tensorseed.checkpoints.derivation.overrides import UNKNOWN
from tensorseed.checkpoints.derivation.recorded_distributions import (
    MAX_VALUES,
    WEIGHT_NORM,
    constant,
    init_of,
)
from tensorseed.checkpoints.derivation.recorder import Recorder
from tensorseed.checkpoints.derivation.storage_regions import Region, UnknownContentError, Write, region_of
from tensorseed.checkpoints.derivation.tables.ones import identity, lower_triangle
from tensorseed.checkpoints.derivation.tables.powers import power
from tensorseed.checkpoints.derivation.tables.sinusoids import sinusoidal
from tensorseed.sampling.distributions.literals import MAX_EXACT_INTEGER
from tensorseed.sampling.dtypes import TENSOR_DTYPES
from tensorseed.spec.limits import Limits

Described = dict[str, Any]
Place = tuple[int, int]


def describe_all(tensors: Mapping[str, torch.Tensor], recorder: Recorder) -> Iterator[tuple[str, Described]]:
    """The entries of tensors by name. Those that show alike parts of one storage are described once.

    A tensor that no init describes has the reason as UNKNOWN. Computed numbers are written out, as long as a
    spec has room for all of them; otherwise powers of a position are described as such.
    """
    found = dict(_described(tensors, recorder, curves=False))
    if need_curves(found.values()):
        found = dict(_described(tensors, recorder, curves=True))
    yield from found.items()


def need_curves(described: Iterable[Described]) -> bool:
    """Whether entries write out more numbers than a spec has room for."""
    inits = [(one.get("init"), one["shape"]) for one in described]
    literals = {json.dumps(init): shape for init, shape in inits if isinstance(init, dict) and "data" in init}
    return sum(map(math.prod, literals.values())) > Limits().values


def _described(
    tensors: Mapping[str, torch.Tensor], recorder: Recorder, *, curves: bool
) -> Iterator[tuple[str, Described]]:
    alike: dict[tuple[object, ...], Described] = {}
    names = {place_of(tensor): name for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        fill = recorder.whole_fill(tensor)
        key = (id(fill), tensor.shape, tensor.dtype, tensor.is_contiguous())
        if fill is None:
            yield name, describe(tensor, recorder, curves=curves)
            continue
        if fill.spelling is not None and fill.spelling["kind"] == WEIGHT_NORM:
            yield name, beside(name, describe(tensor, recorder, curves=curves), names)
            continue
        if key not in alike:
            alike[key] = describe(tensor, recorder, curves=curves)
        yield name, alike[key]


def describe(tensor: torch.Tensor, recorder: Recorder, *, curves: bool = False) -> Described:
    """The entry of a tensor as of `entry_of`, or the reason why it has no init, as UNKNOWN."""
    try:
        return entry_of(tensor, recorder, curves=curves)
    except UnknownContentError as unknown:
        dtype = str(tensor.dtype).removeprefix("torch.")
        return {"type": "Tensor", "shape": list(tensor.shape), "dtype": dtype, UNKNOWN: str(unknown)}


def place_of(tensor: torch.Tensor) -> Place:
    """The storage of a tensor, and where in it the tensor begins."""
    return storage_of(tensor), int(tensor.storage_offset())


def beside(name: str, described: Described, names: Mapping[Place, str]) -> Described:
    """The entry of norms, with the name of the tensor whose they are; `names` has it by its place."""
    if UNKNOWN in described:
        return described
    found = names.get(described["init"]["of"], "")
    before, _, last = found.rpartition(".")
    if not found or before != name.rpartition(".")[0]:
        del described["init"]
        return described | {UNKNOWN: "it holds the norms of a tensor that is not saved beside it"}
    return described | {"init": described["init"] | {"of": last}}


def entry_of(tensor: torch.Tensor, recorder: Recorder, *, curves: bool = False) -> Described:
    """The entry of a tensor: shape, init, dtype, and a row that stays zero.

    With `curves` powers of a position are described as such, even where they could be written out.

    Raises:
        UnknownContentError: no init gives its distribution; the message says why.
    """
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in TENSOR_DTYPES:
        raise UnknownContentError(f"it has the dtype {dtype}, which is not one of a recipe's")
    entry: Described = {"type": "Tensor", "shape": list(tensor.shape), "dtype": dtype}
    values = recorder.values_of(tensor)
    if tensor.numel() == 0:
        return entry | {"init": "zeros"}
    if values is None:
        try:
            return entry | _drawn(tensor, recorder)
        except UnknownContentError:
            values = recorder.contents_of(tensor).constants(tensor) if tensor.numel() <= MAX_VALUES else None
            if values is None:
                raise
    if (row := _row_of_zeros(values)) is not None and (wave := sinusoidal(values, but=row)) is not None:
        return entry | {"init": wave, "padding_idx": row}
    return entry | {"init": _literal(values, curves=curves)}


def _drawn(tensor: torch.Tensor, recorder: Recorder) -> Described:
    shape = tuple(tensor.shape)
    fill, over = recorder.contents_of(tensor).within(region_of(tensor))
    init = init_of(fill, shape) if tensor.is_contiguous() or fill.spelling is None else None
    if init is None:
        moved = fill.anonymous()
        init = init_of(moved, shape) if moved else None
    if init is None:
        raise UnknownContentError("its elements depend on each other in another layout than it is saved in")
    return {"init": init} | (_zero_row(tensor, over) if over else {})


def _zero_row(tensor: torch.Tensor, over: list[Write]) -> Described:
    """What says that one row of a table is zero."""
    width = math.prod(tensor.shape[1:])
    start = int(tensor.storage_offset())
    zeros = {write.region for write in over if write.fill == constant(0.0)}
    if len(zeros) == len({write.region for write in over}) == 1 and tensor.is_contiguous():
        (region,) = zeros
        row, rest = divmod(region.start - start, width)
        if rest == 0 and region == Region(region.start, region.start + width, dense=True):
            return {"padding_idx": row}
    raise UnknownContentError("parts of it have different distributions")


def _row_of_zeros(values: torch.Tensor) -> int | None:
    """The one row of a matrix that is zeros; None where there is none, or several."""
    rows = (values == 0).all(dim=1).nonzero().flatten().tolist() if values.dim() == 2 else []
    return rows[0] if len(rows) == 1 else None


def _literal(values: torch.Tensor, *, curves: bool) -> Any:
    """The init of known numbers."""
    values, is_bool = values.detach(), values.dtype is torch.bool
    values = values.to(torch.int64) if is_bool else values
    if not values.is_floating_point() and int(values.abs().max()) > MAX_EXACT_INTEGER:
        raise UnknownContentError("it holds integers beyond 2^53")
    first = values.flatten()[0]
    if bool((values == first).all()):
        return init_of(constant(float(first)), tuple(values.shape))
    if (wave := sinusoidal(values)) is not None:
        return wave
    if not bool(values.isfinite().all()):
        raise UnknownContentError("it holds numbers that are not finite")
    if (is_bool or values.numel() > MAX_VALUES) and (triangle := lower_triangle(values)) is not None:
        return triangle
    if (curves or values.numel() > MAX_VALUES) and (curve := power(values)) is not None:
        return curve
    if values.numel() > MAX_VALUES:
        if (found := identity(values) or _repeated(values)) is not None:
            return found
        raise UnknownContentError(
            f"it holds {values.numel():,} computed numbers, more than the {MAX_VALUES:,} of a recipe"
        )
    return {"kind": "values", "data": values.tolist()}


def _repeated(values: torch.Tensor) -> Any:
    """One slice of numbers, copied along an axis, where all slices along it are equal; None elsewhere."""
    for axis, size in enumerate(values.shape):
        one = values.narrow(axis, 0, 1)
        if size > 1 and one.numel() <= MAX_VALUES and bool((values == one).all()):
            init = {"kind": "values", "data": one.tolist()}
            return {"kind": "parts", "axis": axis, "parts": [{"init": init, "copies": size}]}
    return None
