"""Quantisation of a bare tensor: methods and their options.

Section 15 of stream v1 defines the numbers. Names and layouts are those of published checkpoints.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tensorseed.sampling.distributions import AnyDistribution, Constant
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.spec.json.text import dump
from tensorseed.spec.quantizations.packed_parts import PackedMatrix
from tensorseed.spec.quantizations.stored_parts import (
    ENDS,
    GPTQ_V2_ZEROS,
    GPTQ_ZEROS,
    ZERO_POINT,
    Shape,
    StoredPart,
)
from tensorseed.spec.schemes import ArgumentError

MethodName = Literal[
    "fp8",
    "fp8_channel",
    "fp8_tensor",
    "int8",
    "mxfp4",
    "gptq",
    "awq",
    "int4",
    "fp8_block",
    "int8_packed",
    "nvfp4",
    "mxfp8",
]
METHODS: tuple[MethodName, ...] = get_args(MethodName)
QUANTISED = ("float32", "float16", "bfloat16")  # the dtypes of weights that can be quantised

MAX_BLOCK = 1_024  # of a size of a block, or of a group
_SEPARATORS = re.compile(r"[\s_-]+")
_SPELLINGS: dict[str, str] = {_SEPARATORS.sub("", name): name for name in METHODS}
_MAX_CHARS = 64  # of a word that may be another spelling
_DEFAULTS: dict[str, Any] = {
    "block_size": (128, 128),
    "group_size": 128,
    "scale_dtype": "float32",
    "scale_fmt": "float",
    "checkpoint_format": "gptq",
    "symmetric": True,
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "fp8": ("block_size", "scale_dtype", "scale_fmt"),
    "gptq": ("group_size", "checkpoint_format"),
    "awq": ("group_size",),
    "int4": ("group_size", "symmetric"),
    "fp8_block": ("block_size",),
    "int8_packed": ("group_size",),
}

Size = Annotated[int, Field(ge=1, le=MAX_BLOCK)]
CHANNEL = "channel"  # a group that is a row
WHOLE = "tensor"  # a block that is the tensor


def _block(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Two sizes, or the word for the whole tensor, as it stands."""
    return value if value == WHOLE else handler(tuple(value) if isinstance(value, list) else value)


class _Block:
    """The schema of two sizes, or of the word."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "string", "const": WHOLE}]}


Group = Size | Literal["channel"]
Block = Annotated[tuple[Size, Size], WrapValidator(_block), _Block()]
ScaleFormat = Annotated[
    Literal["float", "ue8m0"],
    BeforeValidator(lambda value: value.casefold() if isinstance(value, str) else value),
]


class Quantization(BaseModel):
    """The quantisation of a tensor of two or more dimensions: a method, and its options."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    method: MethodName = Field(
        description="fp8: float8_e4m3fn and a scale for each block. fp8_channel, fp8_tensor and int8: "
        "a scale for each row, or for all. mxfp4: blocks of 32 along the inputs of (inputs, outputs). "
        "gptq, awq and int4: four bits, and a scale for each group of inputs. fp8_block, int8_packed, nvfp4 "
        "and mxfp8: those of compressed-tensors.",
        examples=["fp8"],
    )
    block_size: Block | None = Field(
        default=None,
        description="Of fp8: rows and columns of a block, or tensor, for one scale without dimensions; "
        "128 by 128.",
        examples=[[128, 128]],
    )
    group_size: Group | None = Field(
        default=None,
        description="Of gptq, awq, int4 and int8_packed: the inputs of a group; 128. Of int4 and "
        "int8_packed also channel: a scale for each row.",
        examples=[64],
    )
    scale_dtype: Literal["float32", "bfloat16"] | None = Field(
        default=None, description="Of fp8: the dtype of the scales; float32.", examples=["bfloat16"]
    )
    scale_fmt: ScaleFormat | None = Field(
        default=None,
        description="Of fp8: whether scales are powers of two (ue8m0), rounded up; float.",
        examples=["ue8m0"],
    )
    checkpoint_format: Literal["gptq", "gptq_v2"] | None = Field(
        default=None,
        description="Of gptq: whether zero points are stored less one, or as they are (gptq_v2); gptq.",
        examples=["gptq_v2"],
    )

    symmetric: bool | None = Field(
        default=None,
        description="Of int4: whether numbers are around 8, or around a zero point of each group; true.",
        examples=[False],
    )

    def value(self) -> Any:
        """The canonical JSON value: the method's name, or an object with the options that are no defaults."""
        options = {
            name: [*found] if isinstance(found, tuple) else found
            for name, default in _DEFAULTS.items()
            if (found := getattr(self, name)) is not None and found != default
        }
        return {"method": self.method, **options} if options else self.method

    def option(self, name: str) -> Any:
        """An option, or its default."""
        given = getattr(self, name)
        return _DEFAULTS[name] if given is None else given

    def check(self) -> None:
        """Check that the options are those of the method.

        Raises:
            ArgumentError: one is not.
        """
        own = _OPTIONS.get(self.method, ())
        for name in _DEFAULTS:
            if getattr(self, name) is not None and name not in own:
                owners = " and ".join(method for method, options in _OPTIONS.items() if name in options)
                raise ArgumentError(("quantization", name), f"{name} is an option of {owners}: leave it out")
        if self.option("group_size") == CHANNEL and self.method not in ("int4", "int8_packed"):
            detail = "a group of channel is of int4 and int8_packed alone: write a size"
            raise ArgumentError(("quantization", "group_size"), detail)
        if self.option("block_size") == WHOLE and self.method != "fp8":
            detail = "a block that is the tensor is of fp8 alone: write two sizes, or use fp8_tensor"
            raise ArgumentError(("quantization", "block_size"), detail)
        if self.option("block_size") == WHOLE and self.option("scale_fmt") != _DEFAULTS["scale_fmt"]:
            detail = "the one scale of a tensor is no power of two: leave scale_fmt out, or name sizes"
            raise ArgumentError(("quantization", "scale_fmt"), detail)

    def ends(self) -> tuple[tuple[str, str], ...]:
        """The ends of the tensor's name that those of the stored tensors lose, and what they have instead."""
        own = ENDS[self.method]
        return own if self.option("symmetric") else (*own, ZERO_POINT)

    def parts(self, weights: AnyDistribution, shape: Shape, dtype: DType) -> list[StoredPart]:
        """The tensors that stand for weights of `shape` and `dtype`, with this distribution.

        Raises:
            ArgumentError: the method does not take them; the path is from the entry.
        """
        at = ("quantization",)
        if dtype.name not in QUANTISED:
            detail = f"a tensor of {dtype.name} is not quantised: use one of {', '.join(QUANTISED)}"
            raise ArgumentError(("dtype",), detail)
        self.check()
        if len(shape) < 2 or 0 in shape:
            raise ArgumentError(at, "a quantised tensor has two or more dimensions, and none of 0")
        matrix = PackedMatrix(weights, dtype, shape)
        match self.method:
            case "fp8":
                scale, fmt = DTYPES[self.option("scale_dtype")], self.option("scale_fmt")
                if self.option("block_size") == WHOLE:
                    return matrix.fp8_tensor(scale, ())
                return matrix.fp8(self.option("block_size"), scale, is_power=fmt == "ue8m0")
            case "fp8_channel":
                return matrix.fp8_channel()
            case "fp8_tensor":
                return matrix.fp8_tensor(dtype, (1,))
            case "int8":
                return matrix.int8()
            case "mxfp4":
                return matrix.mxfp4()
            case "gptq":
                is_second = self.option("checkpoint_format") == "gptq_v2"
                return matrix.gptq(self.option("group_size"), GPTQ_V2_ZEROS if is_second else GPTQ_ZEROS)
            case "awq":
                return matrix.awq(self.option("group_size"))
            case "int4":
                make = matrix.int4 if self.option("symmetric") else matrix.asymmetric_int4
                size = self.option("group_size")
                return make(None if size == CHANNEL else size)
            case "fp8_block":
                return matrix.fp8(self.option("block_size"), dtype, is_power=False)
            case "int8_packed":
                size = self.option("group_size")
                return matrix.int8_packed(None if size == CHANNEL else size)
            case "nvfp4":
                return matrix.nvfp4()
            case "mxfp8":
                return matrix.mxfp8()


def check_quantization(value: Any, shape: Shape, dtype: DType) -> None:
    """Check that a quantisation, as an entry has it, takes weights of a shape.

    Raises:
        ArgumentError: it does not.
    """
    quantization_of(value).parts(Constant(0.0), shape, dtype)


def quantization_of(value: Any) -> Quantization:
    """The quantisation of a valid JSON value."""
    return Quantization.model_validate_json(dump(_named(value)))


def method_name(text: str) -> str:
    """The name of the method that is spelled so, in any case and with other separators; else the text itself.

    >>> [method_name(text) for text in ("FP8", "fp8-channel", "nf4")]
    ['fp8', 'fp8_channel', 'nf4']
    """
    return _SPELLINGS.get(_SEPARATORS.sub("", text[:_MAX_CHARS].casefold()), text)


def _named(value: Any) -> Any:
    """The object that a method's name stands for, and the method in its own spelling."""
    found = {"method": value} if isinstance(value, str) else value
    if isinstance(found, dict) and isinstance(found.get("method"), str):
        return found | {"method": method_name(found["method"])}
    return found


class _Documented:
    """The schema of a quantisation as it is sent, which may be the name of a method."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        named = {"type": "string", "enum": [*METHODS], "description": "A method with its default options."}
        return {"anyOf": [named, handler(schema)]}


AnyQuantization = Annotated[Quantization, BeforeValidator(_named), _Documented()]
"""A quantisation as it is validated: a method's name, or an object with `method` and options."""
