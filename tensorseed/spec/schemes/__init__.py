"""Init schemes: one class each, in a discriminated union.

To add a scheme, write its class (see `base.Scheme`) and add it to `AnyScheme`. No other code lists them.
Names are torch.nn.init's without the trailing underscore, or else JAX's.
"""

from __future__ import annotations

from typing import Annotated, Any, Union, cast, get_args

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tensorseed.spec.schemes.base import ArgumentError, FanScheme, Scheme, SchemeWarning
from tensorseed.spec.schemes.bilinear import BilinearInterpolation
from tensorseed.spec.schemes.curves import Decay, Power
from tensorseed.spec.schemes.logit import Logit
from tensorseed.spec.schemes.norms import WeightNorm
from tensorseed.spec.schemes.parts import Part, Parts
from tensorseed.spec.schemes.plain import (
    Constant,
    Eye,
    Normal,
    Ones,
    Uniform,
    Values,
    Zeros,
)
from tensorseed.spec.schemes.scaled import (
    KaimingNormal,
    KaimingUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
)
from tensorseed.spec.schemes.siren import Siren
from tensorseed.spec.schemes.structured import DeltaOrthogonal, Dirac, Orthogonal, Sinusoidal, Sparse, Tril
from tensorseed.spec.schemes.transformed import (
    InverseSoftplusLogUniform,
    LogOfUniform,
    LogUniform,
    RealGatedLru,
)
from tensorseed.spec.schemes.truncated import TruncNormal
from tensorseed.suggestions import unknown_name

__all__ = [
    "SCHEMES",
    "SCHEME_CLASSES",
    "AnyScheme",
    "ArgumentError",
    "FanScheme",
    "Init",
    "Scheme",
    "SchemeWarning",
    "WholeScheme",
    "scheme_of",
    "unknown",
]

AnyScheme = Annotated[
    Zeros
    | Ones
    | Constant
    | Logit
    | Values
    | Uniform
    | Normal
    | TruncNormal
    | Eye
    | XavierUniform
    | XavierNormal
    | KaimingUniform
    | KaimingNormal
    | VarianceScaling
    | LecunUniform
    | LecunNormal
    | Siren
    | Orthogonal
    | DeltaOrthogonal
    | Sparse
    | Dirac
    | Tril
    | BilinearInterpolation
    | Sinusoidal
    | Decay
    | Power
    | LogUniform
    | LogOfUniform
    | InverseSoftplusLogUniform
    | RealGatedLru
    | WeightNorm
    | Parts,
    Field(discriminator="kind"),
]

SCHEME_CLASSES: tuple[type[Scheme], ...] = get_args(get_args(AnyScheme)[0])

SCHEMES: dict[str, type[Scheme]] = {kind: cls for cls in SCHEME_CLASSES for kind in cls.spellings()}
"""The class of every accepted spelling of `kind`; the canonical ones are each class's `spellings()[0]`."""


def _required(cls: type[Scheme]) -> list[str]:
    return [name for name, field in cls.model_fields.items() if name != "kind" and field.is_required()]


_REQUIRED = {kind: _required(cls) for kind, cls in SCHEMES.items()}


def _check_kind(name: str) -> str:
    if name not in SCHEMES:
        raise ValueError(unknown_name("scheme", name, SCHEMES))
    if missing := _REQUIRED[name]:
        raise ValueError(
            f"{name} needs {' and '.join(missing)}: write it as an object with kind and {missing[0]}"
        )
    return name


BARE = [kind for kind, missing in _REQUIRED.items() if not missing]
"""The names of the schemes that need no parameter."""

SchemeName = Annotated[
    str,
    AfterValidator(_check_kind),
    WithJsonSchema({"type": "string", "enum": BARE, "description": "A scheme with its default parameters."}),
]

QUALIFIED = r"^[a-z][a-z0-9]*(\.[A-Za-z][A-Za-z0-9_]*)+$"
"""The pattern of the name of another framework's initializer, such as keras.HeNormal."""

_ABOUT = "Another framework's initializer, such as keras.HeNormal"


class _Documented:
    """The schema of an init as it is sent, with other frameworks' initializers.

    They are translated before validation, which knows schemes alone.
    """

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler(schema)
        name = {"type": "string", "pattern": QUALIFIED}
        found["anyOf"] += [
            {**name, "description": f"{_ABOUT}, with its default parameters."},
            {
                "type": "object",
                "required": ["kind"],
                "properties": {"kind": name},
                "description": f"{_ABOUT}, with kind and its own parameters.",
            },
        ]
        return found


Init = Annotated[SchemeName | AnyScheme, Field(union_mode="left_to_right"), _Documented()]
"""An init as it is validated: a scheme's name, or an object with `kind` and the scheme's parameters."""

_DEFAULTS: dict[str, Scheme] = {
    kind: cast(Any, cls)(kind=cls.spellings()[0]) for kind, cls in SCHEMES.items() if kind in BARE
}


def scheme_of(init: str | Scheme) -> Scheme:
    """The scheme of a valid init, in the canonical spelling of its kind."""
    if isinstance(init, str):
        return _DEFAULTS[init]
    kind = init.spellings()[0]
    return init if init.kind == kind else init.model_copy(update={"kind": kind})


_WHOLE = tuple(cls for cls in SCHEME_CLASSES if cls is not Parts)
WholeScheme: Any = Annotated[Union.__getitem__(_WHOLE), Field(discriminator="kind")]
"""The schemes that fill a part, and so have none."""


def _part_init() -> Any:
    """The init of a part."""
    named: Any = Union.__getitem__((SchemeName, WholeScheme))
    return Annotated[named, Field(union_mode="left_to_right"), AfterValidator(scheme_of), _Documented()]


Part.model_rebuild(_types_namespace={"PartInit": _part_init()})
Parts.model_rebuild()
