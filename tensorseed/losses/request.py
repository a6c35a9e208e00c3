"""Requests of a loss, read and checked into a `Call`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tensorseed.errors import Fault, LossError, UnknownNameError, shortened
from tensorseed.losses.base import Call, Loss
from tensorseed.losses.inputs import common_dtype, parse_tensors
from tensorseed.losses.registry import LOSSES, SPELLINGS
from tensorseed.sampling.dtypes import ComputeDTypeName
from tensorseed.spec.faults import explain, misplaced
from tensorseed.spec.json.pointers import MAX_FAULTS, pointer
from tensorseed.spec.json.text import dump
from tensorseed.spec.limits import Limits
from tensorseed.spec.spellings.choices import respell_choices
from tensorseed.spec.spellings.names import respell_fields
from tensorseed.suggestions import unknown_name
from tensorseed.synonyms import synonyms_of

if TYPE_CHECKING:
    import torch

M = TypeVar("M", bound=BaseModel)


class Request(BaseModel):
    """What every request may say beside the tensors and the options of its loss."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    dtype: ComputeDTypeName = Field(
        default="float32",
        description="What the floating tensors are computed in; those that come as safetensors have their "
        "own.",
        examples=["float64"],
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:(0|[1-9][0-9]{0,3}))?)$",
        description="Where to compute: cpu, cuda or cuda:N; auto is the CPU, and for millions of elements a "
        "GPU of the host, if there is one with the memory.",
        examples=["cpu"],
    )
    gradients: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="The tensors whose gradient is wanted: of the loss, or with reduction none of its sum.",
        examples=[["input"]],
    )


def loss_class(name: str) -> type[Loss]:
    """The class of a loss, by its name or by torch's name of the function or module.

    Raises:
        UnknownNameError: no loss has this name; the message names near ones.
    """
    try:
        return LOSSES[SPELLINGS[name]]
    except KeyError:
        word = shortened(name)
        if synonyms_of("loss", word, LOSSES):
            raise UnknownNameError(unknown_name("loss", word, LOSSES)) from None
        near = [known for known in LOSSES if len(word) > 2 and word in known]
        if near:
            raise UnknownNameError(f"unknown loss: did you mean {' or '.join(near)}?") from None
        raise UnknownNameError(unknown_name("loss", word, LOSSES)) from None


def read_options(name: str, document: Mapping[str, Any]) -> Loss:
    """The loss of an object that has nothing but its options.

    Raises:
        UnknownNameError: no loss has this name.
        LossError: the options have faults; each has a pointer.
    """
    cls = loss_class(name)
    fields = list(cls.model_fields)
    faults = [
        Fault(pointer((str(key),)), unknown_name("field", shortened(str(key)), fields))
        for key in document
        if key not in fields
    ]
    if faults:
        raise LossError(faults[:MAX_FAULTS])
    return _validated(cls, document)


def read_loss(
    name: str,
    document: Mapping[str, Any],
    limits: Limits,
    tensors: Mapping[str, torch.Tensor] | None = None,
) -> Call:
    """The call that a request means, checked, with the parameters drawn that the loss owns.

    `document` holds the options, and the tensors as nested lists; with `tensors` it holds the options alone,
    and the dtype is theirs.

    Raises:
        UnknownNameError: no loss has this name.
        LossError: something does not fit; each fault has a pointer.
        TooLargeError: the tensors or the work exceed the limits.
    """
    cls = loss_class(name)
    if not isinstance(document, Mapping):
        detail = "the request must be an object with the tensors and options of the loss"
        raise LossError.at("", f"{detail}{misplaced(document)}")
    lists, options, request = _sorted(cls, respell_fields(document), tensors)
    loss, wanted = _both(cls, options, request)
    if tensors is None:
        given = parse_tensors(loss, lists, wanted.dtype, limits)
        dtype: str = wanted.dtype
        typed_by = "dtype"
    else:
        typed_by, dtype = common_dtype(cls, tensors, request)
        given = dict(tensors)
    _check_names(loss, wanted.gradients)
    complete = loss.with_parameters(given, limits)
    _check_gradients(loss, complete, wanted.gradients)
    return Call(cls.kind, loss, complete, wanted.gradients, dtype, wanted.device, typed_by)


def _sorted(
    cls: type[Loss], document: Mapping[str, Any], tensors: Mapping[str, torch.Tensor] | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The document's tensors, the options of the loss, and the rest.

    Raises:
        LossError: unknown fields.
    """
    lists: dict[str, Any] = {}
    options: dict[str, Any] = {}
    request: dict[str, Any] = {}
    faults = []
    for key, value in document.items():
        if key in cls.model_fields:
            options[key] = value
        elif key in Request.model_fields:
            request[key] = value
        elif (argument := cls.argument(key)) and (tensors is None):
            if value is not None or not argument.optional:
                lists[key] = value
        else:
            faults.append(Fault(pointer((key,)), _surplus(cls, key, with_tensors=tensors is None)))
    given = lists if tensors is None else tensors
    strange = [key for key in tensors or () if not cls.argument(key)]
    faults += [Fault(pointer((key,)), _surplus(cls, key, with_tensors=True)) for key in strange]
    missing = [argument for argument in cls.arguments if not argument.optional and argument.name not in given]
    faults += [Fault(pointer((name,)), f"{name} is required: {words}") for name, words, *_ in missing]
    if faults:
        raise LossError(faults[:MAX_FAULTS])
    return lists, options, request


def _surplus(cls: type[Loss], key: str, *, with_tensors: bool) -> str:
    """The sentence for a field that the loss does not have."""
    if not with_tensors and cls.argument(key):
        return f"{key} is a tensor: put it into the safetensors body, not beside it"
    names = [argument.name for argument in cls.arguments] if with_tensors else []
    return unknown_name("field", shortened(key), [*names, *cls.model_fields, *Request.model_fields])


def _both(cls: type[Loss], options: Mapping[str, Any], request: Mapping[str, Any]) -> tuple[Loss, Request]:
    """The options and the other fields, with the faults of both at once."""
    faults: list[Fault] = []
    read: dict[type[BaseModel], Any] = {}
    for model, document in ((cls, options), (Request, request)):
        try:
            read[model] = _validated(model, document)
        except LossError as error:
            faults += error.faults
    if faults:
        raise LossError(faults[:MAX_FAULTS])
    return read[cls], read[Request]


def _validated(model: type[M], document: Mapping[str, Any]) -> M:
    """The model of a JSON object.

    Raises:
        LossError: the object does not fit the model; each fault has a pointer.
    """
    try:
        return model.model_validate_json(dump(respell_choices(dict(document), model)))
    except ValidationError as error:
        found = explain(error, document, model)
        faults = [Fault(pointer(path), _choices(model, path, detail)) for path, detail in found]
        raise LossError(faults[:MAX_FAULTS]) from None


def _choices(model: type[BaseModel], path: tuple[str | int, ...], detail: str) -> str:
    """The sentence for a field of few values, numbers among them."""
    values = get_args(model.model_fields[str(path[0])].annotation) if path else ()
    if path[:1] == ("gradients",):
        return "gradients must be a list of names of tensors, of at most 64"
    if "must be one of" not in detail:
        return detail
    return f"{path[0]} must be one of {', '.join(map(str, values))}"


def _check_names(loss: Loss, names: tuple[str, ...]) -> None:
    """Raise LossError for the name of a gradient that stands for no tensor, and for one that comes twice."""
    for index, name in enumerate(names):
        if name in names[:index]:
            detail = f"{shortened(name)} is named twice: name each tensor once"
        elif not loss.argument(name):
            valid = [argument.name for argument in loss.arguments if argument.differentiable]
            detail = unknown_name("tensor", shortened(name), valid)
        else:
            continue
        raise LossError.at(pointer(("gradients", index)), detail)


def _check_gradients(loss: Loss, tensors: Mapping[str, torch.Tensor], names: tuple[str, ...]) -> None:
    """Raise LossError for the name of a tensor that is not there, and for one that has no gradient."""
    valid = loss.differentiable(tensors)
    for index, name in enumerate(names):
        if name in valid:
            continue
        if name not in tensors:
            detail = f"{name} is not given, so it has no gradient: give it, or leave its name out"
        else:
            detail = (
                f"torch has no gradient for {name} here, it has for {', '.join(sorted(valid)) or 'nothing'}"
            )
        raise LossError.at(pointer(("gradients", index)), detail)
