"""Spellings of dtypes, devices, generators, schemes and classes.

A spelling that has one meaning is read as the canonical one, so that recipe, token and entity tag are the
same. Anything else stays as it is, for the validator to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from operator import is_
from typing import Any

from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.frameworks import Init, Initializer, every_initializer
from tensorseed.spec.frameworks.chainer import CHAINER
from tensorseed.spec.frameworks.pytorch import TORCH
from tensorseed.spec.schemes import BARE, SCHEMES, scheme_of
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.spellings.choices import MAX_CHARS, respell_choices

_DTYPES = {
    "float64": ("double", "fp64", "f64"),
    "float32": ("float", "single", "fp32", "f32"),
    "bfloat16": ("bf16", "brain16"),
    "float16": ("half", "fp16", "f16"),
    "float8_e4m3fn": ("fp8_e4m3fn", "f8e4m3fn", "fp8_e4m3", "e4m3fn"),
    "float8_e5m2": ("fp8_e5m2", "f8e5m2", "e5m2"),
    "int64": ("long", "i64"),
    "bool": ("boolean", "bool_"),
}
_DTYPE_MODULES = frozenset(("torch", "np", "numpy", "jnp", "jax.numpy", "mx", "tf", "ml_dtypes"))
_BUILTINS = frozenset(
    ("float", "long")
)  # torch's meaning; np.float is float64, np.long depends on the system
_SCHEME_MODULES = tuple(f"{prefix}." for prefix in TORCH.prefixes if prefix)
_DEVICE = re.compile(r"/?(?:device:)?(?P<kind>auto|cpu|gpu|cuda)(?::(?P<index>[0-9]{1,4}))?")
_SEPARATORS = re.compile(r"[\s_-]+")
_SHAPE, _FANS = (8, 6), Fans(6, 8)  # of a matrix, which tells schemes apart


@cache
def _dtype_spellings() -> dict[str, str]:
    found = {dtype.code.casefold(): name for name, dtype in DTYPES.items()}
    return found | {word: name for name, words in _DTYPES.items() for word in (name, *words)}


@cache
def _scheme_spellings() -> dict[str, str]:
    """The names that need no module, by what is left of them without case and separators."""
    bare = (one.initializer.names for one in every_initializer() if "" in one.framework.prefixes)
    return {_compact(name): name for names in (*bare, SCHEMES) for name in names}


@cache
def _owned_elsewhere() -> frozenset[str]:
    """The names, as above, that a framework writes in another way and with another meaning.

    Such are HeNormal of Keras, which is truncated, and Uniform of Lasagne, whose bounds are ±0.01. Chainer's
    do not count: Orthogonal is that of all others, not one of gain 1.1.
    """
    found = set()
    for one in every_initializer():
        if one.framework in (TORCH, CHAINER):
            continue
        for name in one.initializer.names:
            own = _scheme_spellings().get(_compact(name))
            if own in BARE and name not in SCHEMES and not one.initializer.required:
                defaults = {key: default for key, (_, default) in one.initializer.parameters.items()}
                if not _is_same(one.initializer.init(**defaults), own):
                    found.add(_compact(name))
    return frozenset(found)


def _is_same(one: Init, other: Init) -> bool:
    """Whether two inits are one scheme, or one distribution in a matrix."""
    schemes = [
        scheme_of(init if isinstance(init, str) else SCHEMES[init["kind"]].model_validate(init))
        for init in (one, other)
    ]
    if schemes[0] == schemes[1]:
        return True
    first, second = (scheme.distribution_for(_SHAPE, _FANS) for scheme in schemes)
    return first == second


@cache
def _torchs_parameters() -> dict[str, Initializer]:
    """The initializers of torch by each parameter that their schemes call otherwise."""
    return {
        parameter: one
        for one in TORCH.initializers
        for parameter in one.parameters
        if parameter not in SCHEMES[one.kind].model_fields
    }


def _compact(name: str) -> str:
    return _SEPARATORS.sub("", name.casefold())


def dtype_name(text: str) -> str:
    """The name of the dtype that torch, numpy, JAX or safetensors spell so; the text itself for none.

    >>> [dtype_name(text) for text in ("torch.float", "jnp.bfloat16", "F16", "fp8")]
    ['float32', 'bfloat16', 'float16', 'fp8']
    """
    if text in DTYPES or len(text) > MAX_CHARS:
        return text
    module, dot, word = text.strip().casefold().rpartition(".")
    if dot and (module not in _DTYPE_MODULES or (module != "torch" and word in _BUILTINS)):
        return text
    return _dtype_spellings().get(word, text)


def device_name(text: str) -> str:
    """The name of a device in any case, `cuda` for a GPU; the text itself for none.

    >>> [device_name(text) for text in ("GPU", "gpu:1", "/device:GPU:0", "CPU", "tpu")]
    ['cuda', 'cuda:1', 'cuda:0', 'cpu', 'tpu']
    """
    match = _DEVICE.fullmatch(text.strip().casefold()) if len(text) <= MAX_CHARS else None
    if match is None or (match["index"] and match["kind"] == "auto"):
        return text
    kind = "cuda" if match["kind"] == "gpu" else match["kind"]
    index = None if kind == "cpu" and match["index"] == "0" else match["index"]
    return kind if index is None else f"{kind}:{index}"


def generator_name(text: str) -> str:
    """The name of a generator in any case; the text itself for none."""
    word = text.strip().casefold() if len(text) <= MAX_CHARS else text
    return {"philox": "philox", "torch": "torch", "pytorch": "torch"}.get(word, text)


def scheme_kind(text: str) -> str:
    """The kind of a scheme in any case, with torch's underscore and module; the text itself for none.

    A name stays that is another framework's too, with another meaning, such as HeNormal.

    >>> [scheme_kind(text) for text in ("Xavier_Uniform", "TruncNormal", "nn.init.zeros_", "he-normal")]
    ['xavier_uniform', 'trunc_normal', 'zeros', 'he-normal']
    """
    if text in SCHEMES or len(text) > MAX_CHARS:
        return text
    word = text.strip()
    module = next((module for module in _SCHEME_MODULES if word.startswith(module)), "")
    word = word.removeprefix(module)
    compact = _compact(word)
    name = _scheme_spellings().get(compact, text)
    if name not in SCHEMES or compact not in _owned_elsewhere():
        return name
    by_torch = module or word.endswith("_")
    return name if by_torch and TORCH.find(name) else text


def class_name(text: str, valid: frozenset[str]) -> str:
    """The class of torch.nn among the valid ones, in any case and with its module; the text for none.

    >>> valid = frozenset({"Linear", "ReLU"})
    >>> [class_name(text, valid) for text in ("torch.nn.Linear", "relu", "Dense")]
    ['Linear', 'ReLU', 'Dense']
    """
    if text in valid or len(text) > MAX_CHARS:
        return text
    word = text.strip()
    word = re.sub(r"^(torch\.)?nn\.", "", word)
    return word if word in valid else _by_folded_name(valid).get(word.casefold(), text)


@cache
def _by_folded_name(valid: frozenset[str]) -> dict[str, str]:
    return {name.casefold(): name for name in valid}


_FIELDS: dict[str, Callable[[str], str]] = {
    "dtype": dtype_name,
    "device": device_name,
    "generator": generator_name,
}


def respell_fields(document: Any) -> Any:
    """The document with the canonical dtype, device and generator; itself where they are so already."""
    if not isinstance(document, dict):
        return document
    changed = {}
    for field, spelling in _FIELDS.items():
        given = document.get(field)
        if isinstance(given, str) and (name := spelling(given)) != given:
            changed[field] = name
    return {**document, **changed} if changed else document


def respell_init(init: Any) -> Any:
    """The init with the canonical kind of its scheme and the words of its parameters, in its parts too.

    It is itself where it has those already.
    """
    if isinstance(init, str):
        return scheme_kind(init)
    kind = init.get("kind") if isinstance(init, dict) else None
    if not isinstance(kind, str):
        return init
    for parameter, initializer in _torchs_parameters().items():
        if parameter in init:
            is_torchs = kind not in SCHEMES and scheme_kind(kind) == initializer.kind
            return {**init, "kind": initializer.names[0]} if is_torchs else init
    name, parts = scheme_kind(kind), init.get("parts")
    found = init if name == kind else {**init, "kind": name}
    if name in SCHEMES:
        found = respell_choices(found, SCHEMES[name])
    if not isinstance(parts, list):
        return found
    respelled = [_respell_part(part) for part in parts]
    return found if all(map(is_, parts, respelled)) else {**found, "parts": respelled}


def _respell_part(part: Any) -> Any:
    init = part.get("init") if isinstance(part, dict) else None
    respelled = respell_init(init)
    return part if respelled is init else {**part, "init": respelled}


def respell_inits(inits: Any) -> Any:
    """The inits of a layer by parameter, or one alone, with canonical kinds."""
    if not isinstance(inits, dict) or "kind" in inits:
        return respell_init(inits)
    changed = {}
    for name, init in inits.items():
        respelled = respell_init(init)
        if respelled is not init:
            changed[name] = respelled
    return {**inits, **changed} if changed else inits


def respell_entry(entry: Any, types: frozenset[str]) -> Any:
    """The entry with the canonical type, one of `types`, dtype and inits; itself where it has them."""
    if not isinstance(entry, dict):
        return entry
    found = respell_fields(entry)
    kind, init = entry.get("type"), entry.get("init")
    if isinstance(kind, str) and (name := class_name(kind, types)) != kind:
        found = {**found, "type": name}
    respelled = respell_inits(init)
    return found if respelled is init else {**found, "init": respelled}
