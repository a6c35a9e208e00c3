"""Causes of syntax errors in JSON texts, with line, column and remedy."""

from __future__ import annotations

import re

NOT_FINITE = "NaN, Infinity and numbers beyond 1.8e308 are no JSON: write a finite number"

_WINDOW = 64  # characters around an error that tell its cause

_PYTHON = "it is Python: send what json.dumps makes of it"
_STARTS = (
    (r"@[\w./~-]+\s*$", "it is the name of a file: send the content, as curl -d @spec.json does"),
    (r"<", "it is HTML or XML: send a JSON object"),
    (r"--[^\s-]", "it is a multipart form: send the JSON text itself as the body"),
    (r"---|%YAML|- |[A-Za-z_][\w-]*[ \t]*:(\s|$)", "it is YAML: convert it to JSON"),
    (
        r"\[\[?[A-Za-z_][\w.-]*\]\]?\s*(\n|$)|[A-Za-z_][\w.-]*([ \t]+=|=[ \t])",
        "it is TOML: convert it to JSON",
    ),
    (r"dict\(", _PYTHON),
    (
        r"[A-Za-z_%][\w%.+-]*=",
        "it is a form: send a JSON object, as requests.post(url, json=spec) and curl -d @spec.json do",
    ),
)
_WORDS = {
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
    "None": "null",
    "NULL": "null",
    "nil": "null",
    "undefined": "null",
}
_HERE = (
    (r"//|/\*|#", "JSON has no comments: remove this one"),
    (r"['`]", 'strings have double quotes: write ", as json.dumps and JSON.stringify do'),
    (r"[\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb]", 'a typographic quote is no quote: write "'),
    (r"[-+]?(NaN|nan|NAN|Infinity|inf(inity)?\b)", NOT_FINITE),
    (
        r"[-+]?(float\(\s*[\"']|(math|np|numpy|torch|jnp)\.(inf|nan)\b)",
        f'{NOT_FINITE}, or "Infinity" for no bound of trunc_normal',
    ),
    (r"\(|set\(|tuple\(", "JSON has no tuples: write a list in [ and ]"),
    (r"torch\.Size\(|np\.array\(|numpy\.array\(|torch\.tensor\(", "write its numbers as a list in [ and ]"),
    (r"[fbru]{1,2}[\"']", "a string has no letter before its quote: remove it"),
    (
        r"[0-9]+\s*(\*\*|[*/+-])\s*[0-9]|\*\*|[*/]\s*[0-9]",
        "JSON has no arithmetic: write the result as a number",
    ),
    (r",(?!\s*[\]}])", "a value is missing before this comma: write it, or remove the comma"),
)
_MESSAGES = (
    ("number is infinity", NOT_FINITE),
    ("trailing comma", "a comma stands before a closing bracket: remove it"),
    ("control character", r"a string has a raw line break or tab: write \n or \t"),
    ("escape", r"a string has an unknown escape: write \\ for a backslash, \" for a quote"),
    ("expected ':'", "a colon is missing behind a name: write it"),
    ("end of data", "the text ends too early: close every quote and bracket"),
    ("after document", "more follows the end of the document: send one object"),
)
_NUMBER = re.compile(r"[-+]?[0-9.][\w.+-]*")
_NAME = re.compile(r"[A-Za-z_$][\w$.-]*")
_ANYTHING = f"write one JSON object, in which {NOT_FINITE.partition(' are')[0]} do not exist"


def syntax_fault(text: bytes, offset: int, message: str) -> str:
    """The sentence for a text that is no JSON: where, why, and what to write.

    `message` is the parser's, at the `offset` in bytes.

    >>> syntax_fault(b'{"seed": True}', 9, "")
    'the body is not valid JSON at line 1, column 10: write true for True'
    """
    if not text.strip():
        return "the body is empty: send a JSON object"
    start = text.rfind(b"\n", 0, offset) + 1
    line = text.count(b"\n", 0, start) + 1
    column = len(text[start:offset].decode(errors="replace")) + 1
    return f"the body is not valid JSON at line {line}, column {column}: {_cause(text, offset, message)}"


def _cause(text: bytes, offset: int, message: str) -> str:
    before = text[max(offset - 4 * _WINDOW, 0) : offset].decode(errors="ignore")[-_WINDOW:]
    here = text[offset : offset + 4 * _WINDOW].decode(errors="ignore")[:_WINDOW]
    if not text[:offset].strip(b" \t\r\n-["):
        beginning = text[: 4 * _WINDOW].decode(errors="ignore").lstrip()
        for pattern, detail in _STARTS:
            if re.match(pattern, beginning):
                return detail
    for pattern, detail in _HERE:
        if "end of data" not in message and re.match(pattern, here):
            return detail
    word = _NAME.match(here)
    if word and word[0] in _WORDS:
        return f"write {_WORDS[word[0]]} for {word[0]}"
    if word and "string key" in message:
        return f'names have double quotes: write "{word[0]}"'
    if "string key" in message and re.match(r"[0-9]+\s*[,}]", here):
        return "JSON has no sets: write a list in [ and ]"
    return _number(before, here, message) or _of_message(before, here, message)


def _of_message(before: str, here: str, message: str) -> str:
    for part, detail in _MESSAGES:
        if part in message:
            return detail
    if here[:1].isspace() or not here[:1].isprintable():
        return f"the character U+{ord(here[:1] or chr(0)):04X} stands outside of a string: remove it"
    if "expected ','" in message:
        if here[:1] in "}]":
            return f"{here[:1]} closes nothing that is open: write the other bracket"
        if before[-1:].isdecimal() and here[:1].isalpha():
            return f"{here[:1]} is no part of a number: remove it"
        return "a comma is missing before this: write it"
    if here[:1] in "}]":
        return "a value is missing before this bracket: write it"
    word = _NAME.match(here)
    if word and before.rstrip()[-1:] in (":", "[", ","):
        call = here[word.end() : word.end() + 1] == "("
        return _PYTHON if call else f'strings have double quotes: write "{word[0]}"'
    return _ANYTHING


def _number(before: str, here: str, message: str) -> str | None:
    """The sentence for a number that JSON spells otherwise; None for anything else."""
    if "string key" in message or "escape" in message or "control" in message:
        return None
    start = re.search(r"[\w.+-]*$", before)
    found = _NUMBER.match((start[0] if start else "") + here)
    if found is None:
        return None
    valid = plain_number(found[0])
    return None if valid in (None, found[0]) else f"write {valid} for {found[0]}"


def plain_number(text: str) -> str | None:
    """The number of JSON that a text means in Python, JavaScript or C; None for one that is none.

    >>> [plain_number(text) for text in ("+1", ".5", "1.", "007", "0x2a", "1_000", "1e3", "1.5f")]
    ['1', '0.5', '1.0', '7', '42', '1000', '1e3', None]
    """
    sign, digits = ("-" if text.startswith("-") else ""), text.lstrip("+-").replace("_", "")
    if len(text) > _WINDOW or not text.isascii() or len(text) - len(text.lstrip("+-")) > 1:
        return None
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+", digits):
        return f"{sign}{int(digits, 0)}"
    if not re.fullmatch(r"(?=\.?[0-9])[0-9]*(\.[0-9]*)?([eE][+-]?[0-9]+)?", digits):
        return None
    whole, point, fraction = digits.partition(".")
    exponent = re.search(r"[eE].*", digits)
    whole = re.sub(r"[eE].*", "", whole).lstrip("0") or "0"
    fraction = re.sub(r"[eE].*", "", fraction)
    return f"{sign}{whole}{point}{(fraction or '0') if point else ''}{exponent[0] if exponent else ''}"
