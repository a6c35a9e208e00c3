"""Answers of servers, whose every field is checked before it is used.

A server may be hostile, broken, or none of this service.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tensorseed.client.errors import MismatchError, RefusedFormError, printable
from tensorseed.errors import Fault

MAX_FILE_BYTES = (1 << 63) - 1  # the largest offset of a file system
MIN_FILE_BYTES = 10  # of a safetensors file: the length of the header, and an empty one
MAX_JSON_BYTES = 1 << 28  # of a plan or of digests
MAX_JSON_VALUES = 1 << 24  # of both, a bound on the memory that they take once read
MAX_PROBLEM_BYTES = 1 << 20
MAX_SENTENCE_CHARS = 1_000  # of a server's words in a message
MAX_FAULTS = 100  # of a spec in one problem
UNUSED_RULE = "unused_rule"  # the code of a warning in a plan

Text = bytes | bytearray

_ETAG = re.compile(r'"[!#-~]{1,256}"')  # a strong one of RFC 9110, in ASCII
_TOKEN = re.compile(r"s1\.[A-Za-z0-9_-]{1,60000}")
_HEX = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGITS = re.compile(r"[0-9]{1,19}")


class AnswerError(Exception):
    """An answer that no server of this service gives. The message completes: since …"""


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A plan or the answer to HEAD: `token` names the whole file, and is None where no URL holds it."""

    etag: str
    size: int
    token: str | None


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 in hex of a file, and of each tensor by name."""

    digest: str
    tensors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document: a sentence, the faults, and the type, which None stands for where it is missing."""

    detail: str
    faults: list[Fault]
    type: str | None


def read_document(text: Text) -> dict[str, Any]:
    """Read a JSON object whose numbers are finite, and whose text is no bomb.

    Raises:
        AnswerError: it is another text.
    """
    document = _read_json(text)
    if not isinstance(document, dict):
        raise AnswerError("its JSON is no object")
    return document


def read_list(text: Text) -> list[dict[str, Any]]:
    """Read a JSON list of objects, bounded as `read_document` is.

    Raises:
        AnswerError: it is another text.
    """
    found = _read_json(text)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise AnswerError("its JSON is no list of objects")
    return found


def _read_json(text: Text) -> Any:
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise AnswerError("its JSON has too many values")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise AnswerError("it is no JSON") from None


def read_plan(text: Text) -> FileAnswer:
    """Read the plan of a file.

    Raises:
        AnswerError: a field is missing, of another type, or out of its range.
    """
    return planned_file(read_document(text))


def planned_file(document: Mapping[str, Any]) -> FileAnswer:
    """Return the file of a plan.

    Raises:
        AnswerError: a field is missing, of another type, or out of its range.
    """
    token = document.get("token", "")  # null says that there is none
    return FileAnswer(
        _word(document.get("etag"), _ETAG, "its etag is no strong entity tag"),
        _size(document.get("size"), "its size"),
        None if token is None else _word(token, _TOKEN, "its token is none"),
    )


def unused_rules(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the sentence of a plan for every rule that gave no tensor its init."""
    warnings = document.get("warnings")
    for warning in warnings[:MAX_FAULTS] if isinstance(warnings, list) else ():
        if isinstance(warning, dict) and warning.get("code") == UNUSED_RULE:
            yield printable(str(warning.get("detail"))[:MAX_SENTENCE_CHARS])


def read_head(fields: Mapping[str, str]) -> FileAnswer:
    """Read the answer to HEAD; it has a token where Content-Location is the URL of a whole file.

    Raises:
        AnswerError: a field is missing, or out of its range.
    """
    etag = _word(fields.get("etag"), _ETAG, "its ETag is no strong entity tag")
    length = _word(fields.get("content-length"), _DIGITS, "its Content-Length is no number of bytes")
    location = fields.get("content-location", "").rpartition("/v1/weights/")[2]
    token = location if _TOKEN.fullmatch(location) else None
    return FileAnswer(etag, _size(int(length), "its Content-Length"), token)


def read_digests(text: Text, size: int) -> Digests:
    """Read the digests of a file of `size` bytes.

    Raises:
        AnswerError: a field is missing, of another type, or of another file.
    """
    document = read_document(text)
    digest = _word(document.get("digest"), _HEX, "its digest is not 64 hex digits")
    tensors = document.get("tensors")
    if document.get("algorithm") != "sha256":
        raise AnswerError("its algorithm is not sha256")
    if type(document.get("size")) is not int or document["size"] != size:
        raise AnswerError("its size is not that of the file")
    if not isinstance(tensors, dict):
        raise AnswerError("its tensors are no object")
    for value in tensors.values():
        _word(value, _HEX, "the digest of a tensor is not 64 hex digits")
    return Digests(digest, tensors)


def read_listing(text: Text) -> tuple[str, list[str]]:
    """Read the commit of a repository's revision, and the paths of its files.

    Raises:
        AnswerError: a field is missing, or of another type.
    """
    document = read_document(text)
    commit = _word(document.get("sha"), _COMMIT, "its sha is no commit")
    siblings = document.get("siblings")
    if not isinstance(siblings, list):
        raise AnswerError("its siblings are no list")
    paths = [each.get("rfilename") if isinstance(each, dict) else None for each in siblings]
    if not all(isinstance(path, str) for path in paths):
        raise AnswerError("one of its siblings has no name")
    return commit, [str(path) for path in paths]


def read_problem(text: Text) -> Problem | None:
    """Read a problem document (RFC 9457), or an error as the Hub writes it; None for anything else."""
    try:
        document = read_document(text)
        faults = document.get("errors") or []
        if isinstance(faults, list):
            kind = document.get("type")
            return Problem(
                _sentence(document.get("detail", document.get("error"))),
                [_fault(fault) for fault in faults[:MAX_FAULTS]],
                one_line(kind) if isinstance(kind, str) else None,
            )
    except AnswerError:
        pass
    return None


def check_content(status: int, fields: Mapping[str, str], file: FileAnswer, wanted: range | None) -> None:
    """Check the head of an answer with the bytes `wanted` of a file, or with all of them.

    Raises:
        AnswerError: it is not the content that was asked for, in a form that can be stored.
        MismatchError: it is that of another file.
    """
    etag = _word(fields.get("etag"), _ETAG, "its ETag is no strong entity tag")
    if etag != file.etag:
        raise MismatchError(
            f"the server's file has the ETag {etag} and the requested one has {file.etag}: "
            "take care that all servers run one version, then begin anew"
        )
    check_encoding(fields)
    if wanted is None and status != 200:
        raise AnswerError(f"it answers {status} to a request for the whole file")
    if wanted is not None:
        part = f"bytes {wanted.start}-{wanted.stop - 1}/{file.size}"
        if status != 206 or fields.get("content-range") != part:
            raise AnswerError("it does not serve byte ranges, or something between removes them")
    length = str(file.size if wanted is None else len(wanted))
    if fields.get("content-length", length) != length:
        raise AnswerError("its Content-Length is not that of the bytes that were asked for")


def check_is_file(path: str, fields: Mapping[str, str]) -> None:
    """Check that the content at a path is a file rather than a document about it, such as a digest.

    Raises:
        RefusedFormError: it is a document.
    """
    if fields.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        raise document_at(path)


def document_at(path: str) -> RefusedFormError:
    """Return the error of a path that leads to a document about a file."""
    last = path.partition("?")[0].rpartition("/")[2]
    return RefusedFormError(f"the URL leads to a document about the weights: leave out /{one_line(last)}")


def check_encoding(fields: Mapping[str, str]) -> None:
    """Raise AnswerError for content that is compressed, since `identity` was asked for."""
    if fields.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise AnswerError("its content is compressed")


def _word(value: Any, pattern: re.Pattern[str], fault: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise AnswerError(fault)
    return value


def _size(value: Any, name: str) -> int:
    if type(value) is not int or not MIN_FILE_BYTES <= value <= MAX_FILE_BYTES:
        raise AnswerError(f"{name} is no integer from {MIN_FILE_BYTES} to 2^63 - 1")
    return value


def _fault(fault: Any) -> Fault:
    if not isinstance(fault, dict):
        raise AnswerError("its errors are no objects")
    pointer = fault.get("pointer", fault.get("parameter", ""))
    if not isinstance(pointer, str):
        raise AnswerError("its pointers are no text")
    return Fault(one_line(pointer), _sentence(fault.get("detail")))


def _sentence(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise AnswerError("its detail is no sentence")
    return one_line(value)


def one_line(text: str) -> str:
    """Return a server's words as one line of bounded length that steers no terminal."""
    line = " ".join(text[: MAX_SENTENCE_CHARS + 1].split())
    return printable(line if len(text) <= MAX_SENTENCE_CHARS else f"{line}…")
