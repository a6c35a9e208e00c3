"""Spellings of names and shapes, in specs, parts and revisions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tensorseed import synonyms
from tensorseed.checkpoints.revision import Revision, parse_revision
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.frameworks import every_initializer, find
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.spellings.choices import MAX_CHARS
from tensorseed.spec.spellings.names import (
    class_name,
    device_name,
    dtype_name,
    generator_name,
    scheme_kind,
)
from tensorseed.spec.spellings.values import dimensions, number_text, unquoted
from tests.tensorseed.spec.test_spec import faults, linear, parse, tensor


def test_canonical_names_are_their_own_spellings() -> None:
    assert all(dtype_name(name) == name for name in DTYPES)
    assert all(dtype_name(dtype.code) == name for name, dtype in DTYPES.items())
    assert all(scheme_kind(kind) == kind for kind in SCHEMES)


@pytest.mark.parametrize("text", ["fp8", "float8", "f8", "int", "float128", "", " ", "x" * (MAX_CHARS + 1)])
def test_what_has_no_one_meaning_stays(text: str) -> None:
    assert dtype_name(text) == device_name(text) == generator_name(text) == scheme_kind(text) == text
    assert class_name(text, frozenset({"Linear"})) == text


@pytest.mark.parametrize("name", ["GlorotNormal", "HeNormal", "keras.HeNormal", "he", "kaiming", "zeros(2)"])
def test_what_another_library_means_is_no_spelling(name: str) -> None:
    assert scheme_kind(name) == name


@pytest.mark.parametrize("text", ["np.float", "numpy.float", "np.long", "jnp.float", "tf.float", "x.float32"])
def test_a_word_that_a_module_gives_another_meaning_stays(text: str) -> None:
    assert dtype_name(text) == text
    assert dtype_name("torch.float") == dtype_name(" Float ") == dtype_name("np.single") == "float32"
    assert dtype_name("np.double") == "float64"
    assert dtype_name("torch.long") == "int64"


def _kinds(word: str) -> list[str]:
    """A name in other cases and with other separators."""
    words = re.findall(r"[A-Z]?[a-z0-9]+", word)
    camel = "".join(part.capitalize() for part in words)
    return [
        camel,
        word.upper(),
        *(mark.join(words) for mark in ("-", " ", "_")),
        *(mark.join(part.capitalize() for part in words) for mark in ("-", " ", "_")),
    ]


def test_case_and_separators_change_no_meaning() -> None:
    """All spellings of a name are one scheme, or all but the scheme's own are refused with both names."""
    names = {*SCHEMES, *(name for one in every_initializer() for name in one.initializer.names)}
    refused = set()
    for name in (name for name in names if not name.endswith("_")):
        spelled = {scheme_kind(text) for text in _kinds(name) if text not in SCHEMES}
        read = spelled & {*SCHEMES, "identity"}
        assert len(read) < 2
        assert not read or spelled == read, name
        if not read and any(_plain(name) == _plain(kind) for kind in SCHEMES):
            refused.add(_plain(name))
    assert refused == {"henormal", "heuniform", "glorotnormal", "uniform", "normal"}
    for word in refused:
        kind, other, *_ = synonyms.SCHEMES[word]
        assert kind in SCHEMES
        assert find(other) is not None


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()


@pytest.mark.parametrize(
    ("spelled", "kind"),
    [
        ("Identity", "eye"),
        ("IDENTITY", "eye"),
        ("uniform_", "uniform"),
        ("nn.init.Normal_", "normal"),
        ({"kind": "Constant_", "val": 3}, {"kind": "constant", "value": 3}),
        ({"kind": "nn.init.constant_", "val": 3}, {"kind": "constant", "value": 3}),
    ],
)
def test_names_of_torch_and_of_all(spelled: Any, kind: Any) -> None:
    assert parse(tensor(init=spelled)).recipe == parse(tensor(init=kind)).recipe


@pytest.mark.parametrize(
    ("text", "both"),
    [("he-normal", "kaiming_normal or keras.HeNormal"), ("Uniform", "uniform, lasagne.Uniform")],
)
def test_a_name_with_two_meanings_is_refused_with_both(text: str, both: str) -> None:
    for init in (text, {"kind": text}):
        [(_, detail)] = faults(tensor(init=init))
        assert both in detail


@pytest.mark.parametrize("text", ["auto:0", "cuda:", "cuda:99999", "cuda0", "tpu", "mps"])
def test_other_devices_stay(text: str) -> None:
    assert device_name(text) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("()", []),
        ("torch.Size([])", []),
        ("7", ["7"]),
        ("2,3x4", None),
        ("0x10", None),
        ("2,", ["2"]),
        ("2,3,", ["2", "3"]),
        ("(2,3,)", ["2", "3"]),
        ("2,,", ["2", "", ""]),
        ("(2,3", ["(2", "3"]),
    ],
)
def test_dimensions(text: str, parts: list[str] | None) -> None:
    assert dimensions(text) == parts


@pytest.mark.parametrize(("text", "number"), [("1e 3", "1e+3"), ("a", "a"), ("1.5f", "1.5f"), ("--1", "--1")])
def test_numbers(text: str, number: str) -> None:
    assert number_text(text) == number


def test_quotes_that_do_not_match_stay() -> None:
    assert [unquoted(text) for text in ("'a\"", '"', "'a'b", "“a”")] == ["'a\"", '"', "'a'b", "a"]


def test_entries_and_inits_by_parameter() -> None:
    spelled = linear(
        type="torch.nn.Linear", dtype="bf16", init={"weight": "Xavier_Normal", "bias": {"kind": "Ones"}}
    )
    plain = linear(dtype="bfloat16", init={"weight": "xavier_normal", "bias": "ones"})
    assert parse(spelled, dtype="half") == parse(plain, dtype="float16")
    assert parse(tensor(dtype="long"), device="GPU:1").device == "cuda:1"


def test_inits_of_parts() -> None:
    spelled = [{"size": 1, "init": {"kind": "Normal_", "std": 2}}, {"init": "Xavier_Normal"}]
    canonical = [{"size": 1, "init": {"kind": "normal", "std": 2}}, {"init": "xavier_normal"}]
    found = parse(tensor(init={"kind": "Parts", "parts": spelled}))
    assert found == parse(tensor(init={"kind": "parts", "parts": canonical}))


def test_revisions() -> None:
    assert parse_revision("seed-1,dtype=bf16") == Revision(1, "bfloat16")
    assert parse_revision("dtype=torch.half") == Revision(0, "float16")
    assert parse_revision("dtype=fp8") is None
