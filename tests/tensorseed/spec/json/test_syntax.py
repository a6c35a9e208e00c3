"""Causes of syntax errors, at line and column, in short and long texts."""

from __future__ import annotations

import pytest

from tensorseed.errors import SpecError
from tensorseed.spec.json.structure import PIECE_BYTES
from tensorseed.spec.json.text import load

CASES = [
    ('{"a": 1, // c\n}', 10, "JSON has no comments: remove this one"),
    ('{"a": 1 /* c */}', 9, "JSON has no comments: remove this one"),
    ('{"a": 1 # c\n}', 9, "JSON has no comments: remove this one"),
    ("{'a': 1}", 2, 'strings have double quotes: write ", as json.dumps and JSON.stringify do'),
    ('{"a": [1,2,]}', 11, "a comma stands before a closing bracket: remove it"),
    ('{"ä": "ö", }', 10, "a comma stands before a closing bracket: remove it"),
    ('{"a": True}', 7, "write true for True"),
    ('{"a": None}', 7, "write null for None"),
    ('{"a": undefined}', 7, "write null for undefined"),
    ('{"a": inf}', 7, "write a finite number"),
    ("{a: 1}", 2, 'names have double quotes: write "a"'),
    ('{"a": 1} {"b": 2}', 10, "more follows the end of the document: send one object"),
    ('{"a": 1}}', 9, "more follows the end of the document: send one object"),
    ('{"a": 1 "b": 2}', 9, "a comma is missing before this: write it"),
    ('{"a": [1}', 9, "} closes nothing that is open: write the other bracket"),
    ('{"a": +1}', 7, "write 1 for +1"),
    ('{"a": .5}', 7, "write 0.5 for .5"),
    ('{"a": 1.}', 9, "write 1.0 for 1."),
    ('{"a": 007}', 7, "write 7 for 007"),
    ('{"a": 0x2a}', 8, "write 42 for 0x2a"),
    ('{"a": 1_000}', 8, "write 1000 for 1_000"),
    ('{"a": "x\ny"}', 9, r"a string has a raw line break or tab: write \n or \t"),
    ('{"a": "C:\\dir"}', 10, r"a string has an unknown escape: write \\ for a backslash, \" for a quote"),
    ('{"a": “b”}', 7, 'a typographic quote is no quote: write "'),
    ('{"a":\u00a01}', 6, "the character U+00A0 stands outside of a string: remove it"),
    ('{"a": }', 7, "a value is missing before this bracket: write it"),
    ('{"a": [1,,2]}', 10, "a value is missing before this comma: write it, or remove the comma"),
    ('{"a"}', 5, "a colon is missing behind a name: write it"),
    ('{"a": {"b": 1}', 15, "the text ends too early: close every quote and bracket"),
    ("@spec.json", 1, "it is the name of a file: send the content, as curl -d @spec.json does"),
    ("seed: 1\nlayers:\n", 1, "it is YAML: convert it to JSON"),
    ("---\n- a", 2, "it is YAML: convert it to JSON"),
    ("<html>", 1, "it is HTML or XML: send a JSON object"),
    ("--x\r\nContent-Disposition: form-data", 2, "send the JSON text itself as the body"),
    ("shape=2&init=zeros", 1, "it is a form: send a JSON object"),
    ('{"a": (3, 4)}', 7, "JSON has no tuples: write a list in [ and ]"),
    ('{"a": [(3,)]}', 8, "JSON has no tuples: write a list in [ and ]"),
    ('{"a": {3, 4}}', 8, "JSON has no sets: write a list in [ and ]"),
    ('{"a": torch.Size([3, 4])}', 7, "write its numbers as a list in [ and ]"),
    ('{"a": np.array([3, 4])}', 7, "write its numbers as a list in [ and ]"),
    ('{"a": float("inf")}', 7, 'or "Infinity" for no bound of trunc_normal'),
    ('{"a": math.inf}', 7, 'or "Infinity" for no bound of trunc_normal'),
    ('{"a": torch.float32}', 7, 'strings have double quotes: write "torch.float32"'),
    ('{"a": [Linear]}', 8, 'strings have double quotes: write "Linear"'),
    ('{"a": f"b"}', 7, "a string has no letter before its quote: remove it"),
    ('{"a": 2**10}', 8, "JSON has no arithmetic: write the result as a number"),
    ('{"a": 1/3}', 8, "JSON has no arithmetic: write the result as a number"),
    ('{"a": 7L}', 8, "L is no part of a number: remove it"),
    ('{"a": dict(b=1)}', 7, "it is Python: send what json.dumps makes of it"),
    ("dict(seed=1)", 1, "it is Python: send what json.dumps makes of it"),
    ("seed = 7\n[[layers]]", 1, "it is TOML: convert it to JSON"),
    ("seed= 7", 1, "it is TOML: convert it to JSON"),
    ("[[layers]]\nname = 1", 3, "it is TOML: convert it to JSON"),
    ("[spec]\nseed = 1", 2, "it is TOML: convert it to JSON"),
    ("hello", 1, "write one JSON object"),
]


def fault(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        load(text.encode())
    (found,) = caught.value.faults
    assert found.pointer == ""
    return found.detail


@pytest.mark.parametrize(("text", "column", "cause"), CASES, ids=[case[0][:24] for case in CASES])
@pytest.mark.parametrize("lines", [0, 2])
def test_a_text_that_is_no_json_has_line_column_and_cause(
    text: str, column: int, cause: str, lines: int
) -> None:
    row = text[: text.find("\n")] if text.startswith('{"a": 1 #') else text
    detail = fault("\n" * lines + text)
    assert detail.startswith(f"the body is not valid JSON at line {lines + 1}, column {column}: "), row
    assert detail.endswith(cause) or cause in detail


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_body_is_named(text: str) -> None:
    assert fault(text) == "the body is empty: send a JSON object"


def test_the_place_in_a_long_text_is_that_of_the_whole() -> None:
    element = '{"name": "ü"},\n'
    count = 3 * PIECE_BYTES // len(element)
    text = "[\n" + element * count + "{'name': 1}]"
    assert fault(text).startswith(f"the body is not valid JSON at line {count + 2}, column 2: strings have")
