"""Tokens: there and back, canonical, and nothing else is one."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.errors import UnknownNameError
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec_token import decode_token, encode_token
from tests.tensorseed.spec.test_spec import linear, parse, tensor

LIMITS = Limits()
RESOLVED = parse(linear(name="größe.{0..3}"), tensor(init={"kind": "normal", "std": 0.02}), seed=42)
TOKEN = encode_token(RESOLVED)


def forge(recipe: str) -> str:
    """A token with a true checksum over any text."""
    body = recipe.encode()
    return "s1." + base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:12] + body).decode().rstrip("=")


def test_there_and_back() -> None:
    assert decode_token(TOKEN, LIMITS) == RESOLVED
    assert re.fullmatch(r"[A-Za-z0-9._-]+", TOKEN)
    assert forge(RESOLVED.recipe) == TOKEN


def test_the_frozen_form() -> None:
    assert encode_token(parse()) == "s1." + base64.urlsafe_b64encode(
        bytes.fromhex(hashlib.sha256(b'{"layers":[],"seed":"0"}').hexdigest()[:24])
        + b'{"layers":[],"seed":"0"}'
    ).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "s1.",
        "s2" + TOKEN[2:],
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN + "=",
        TOKEN.replace("s1.", "S1."),
        TOKEN + "\n",
        TOKEN[:40] + "é" + TOKEN[41:],
        forge(RESOLVED.recipe + " "),
        forge(RESOLVED.recipe.replace('"seed":"42"', '"seed":42')),
        forge('{"layers":5}'),
        forge("nonsense"),
        encode_token(parse(*(tensor(name=letter * 1000) for letter in "abcdefgh"))),  # too long for a URL
    ],
)
def test_anything_else_is_unknown(token: str) -> None:
    with pytest.raises(UnknownNameError):
        decode_token(token, LIMITS)


@given(st.integers(3, len(TOKEN) - 1), st.sampled_from("ABab01-_"))
def test_no_altered_token_is_accepted(place: int, letter: str) -> None:
    altered = TOKEN[:place] + letter + TOKEN[place + 1 :]
    if altered != TOKEN:
        with pytest.raises(UnknownNameError):
            decode_token(altered, LIMITS)
