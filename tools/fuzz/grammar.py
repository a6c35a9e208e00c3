"""Strategies of nearly valid requests, of known and unknown paths."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tensorseed.errors import TensorseedError
from tensorseed.losses import LOSSES
from tensorseed.spec.limits import Limits
from tensorseed.spec.query import QUERY_PARAMETERS
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import encode_token
from tools.fuzz import documents
from tools.fuzz.messages import Asked
from tools.fuzz.tokens import forge

HUB = {
    "repository": ["tensorseed/tiny", "tensorseed/tiny", "tensorseed/nothing", "tiny", "a/b/c"],
    "revision": ["main", "seed-7", "seed-7,dtype=float16", "seed-x", "refs/heads/main", "f" * 40],
    "path": [
        "config.json",
        "model.safetensors.index.json",
        "model-00001-of-00003.safetensors",
        "README.md",
        "x",
    ],
}
CONFIG = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 1, "n_embd": 8, "n_head": 2}
CONFIG |= {"vocab_size": 16, "n_positions": 8, "tie_word_embeddings": True, "dtype": "bfloat16"}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]
CRUMBS = ["%ff", "%00", "%2F", "/", "a", "&", "=", "+", "%", "..", "%2e%2e", "plan", "tensors", "s1.", "main"]
CRUMBS += ["%F0%9F%8C%B1", "%0d%0a", "config.json", "seed-1", "?", "%3F", ";", "*", "~", "0:1"]
ASKED = ("/v1/weights", "/api/models")
"""Paths without a name in them that read their query."""

PLACEHOLDER = re.compile(r"\{(\w+)(?::\w+)?\}")

seldom = st.sampled_from([False] * 15 + [True])
crumbs = st.lists(st.sampled_from(CRUMBS), max_size=4).map("".join)
slices = st.text(":,0123456789-", max_size=8) | st.sampled_from([":", "0:1,:", "1:,0:2", ":,:,:,:,:", "٣:"])


def encoded(text: str) -> str:
    """The text as it stands in a URL, half surrogates as the bytes that they would be."""
    return quote(text.encode("utf-8", "surrogatepass"), safe=":,")


@st.composite
def ranges(draw: st.DrawFn) -> str:
    """A Range field."""
    one = st.builds("{}-{}".format, *[st.integers(0, 400) | st.just("") | st.just(10**25)] * 2)
    text = ",".join(
        draw(st.lists(one | st.sampled_from(["", " ", "-", "a-b", "²-3"]), min_size=1, max_size=40))
    )
    return draw(st.sampled_from(["bytes=", "bytes=", "bytes=", "BYTES =", "lines=", "bytes"])) + text


FIELDS = {
    "Accept": [
        "application/json",
        "application/octet-stream",
        "*/*;q=0",
        ",;",
        "text/html",
        "image/svg+xml",
        "a",
    ],
    "If-None-Match": ["*", '"a"', '"', "\xff", 'W/"', '"a", "b"'],
    "If-Match": ["*", '"a"', "x", 'W/"a"'],
    "If-Range": ["*", '"a"', "\xff", "Sat, 29 Oct 1994 19:43:31 GMT"],
    "If-Modified-Since": ["Sat, 29 Oct 1994 19:43:31 GMT", "x"],
    "Content-Type": [
        "application/json; charset=utf-16",
        "text/plain",
        ";",
        "application/octet-stream",
        "a/b+json",
    ],
    "Content-Encoding": ["gzip", "identity", "x, y"],
    "X-Request-ID": ["a", "\xff", "a" * 300, "a b", ""],
    "Authorization": ["Bearer x", "Basic eDp5", "\xff"],
    "Expect": ["x"],
    "Origin": ["null", "https://example.org"],
    "Traceparent": ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x"],
}
fields = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(texts) for name, texts in FIELDS.items()} | {"Range": ranges()}
).map(lambda given: {name: text.encode("latin-1", "replace") for name, text in given.items()})


@st.composite
def tokens(draw: st.DrawFn) -> str:
    """The token of a spec, a checksum over any text, or a token with a letter changed or cut off."""
    document = draw(documents.specs)
    text = json.dumps(document).encode("utf-8", "replace")
    try:
        token = encode_token(parse_spec(text, Limits(file_bytes=1 << 20)))
    except TensorseedError:
        token = forge(text)
    match draw(st.integers(0, 4)):
        case 0:
            return forge(draw(documents.texts(documents.mutated(documents.specs))))
        case 1:
            place = draw(st.integers(0, len(token) - 1))
            return (
                token[:place] + draw(st.sampled_from(["A", "_", "%", "%41", "/", "="])) + token[place + 1 :]
            )
        case 2:
            return token[: draw(st.integers(0, len(token)))]
    return token


@st.composite
def queries(draw: st.DrawFn) -> str:
    """The query of one tensor."""
    kind = draw(st.sampled_from(sorted(SCHEMES)))
    own = tuple(name for name in SCHEMES[kind].model_fields if name != "kind")
    shape = draw(st.lists(st.integers(-1, 9), max_size=4) | st.just([1 << 40, 2]))
    given: dict[str, Any] = {"init": kind, "shape": ",".join(map(str, shape))}
    given |= draw(documents.some(own, documents.values))
    given |= (
        draw(documents.some((*QUERY_PARAMETERS, "x", "mean"), documents.values))
        if draw(st.booleans())
        else {}
    )
    return _joined(given) + draw(st.sampled_from(["", "", "", "&"]) | crumbs)


def _weighted(paths: dict[str, Any]) -> list[str]:
    """The templates, those that read a body or a name more often than those that only answer."""
    return [path for path in sorted(paths) for _ in range(_weight(path, paths[path]))]


def _weight(path: str, item: dict[str, Any]) -> int:
    if path == "/v1/recipes/plan":  # builds a model in a process of its own
        return 1
    return 6 if "{" in path or "post" in item else 1


def _joined(given: dict[str, Any]) -> str:
    return "&".join(f"{encoded(name)}={encoded(_spelled(value))}" for name, value in given.items())


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@cache
def queries_of(template: str) -> st.SearchStrategy[str]:
    """The query of a documented path: its own parameters, most often."""
    if template == "/v1/weights":
        return queries()
    if template.startswith("/v1/losses/"):
        names = ("reduction", "dtype", "gradients", "ignore_index", "margin", "p", "label_smoothing", "x")
        options = documents.some(names, documents.values)
        return options.map(_joined)
    if template.startswith("/api/models"):
        names = ("limit", "cursor", "search", "filter", "author", "recursive", "expand", "x")
        return documents.some(names, documents.values).map(_joined)
    if template.endswith("/tensors/{name}"):
        return slices.map(lambda text: f"slice={encoded(text)}")
    return crumbs


@cache
def bodies_of(template: str, name: str) -> st.SearchStrategy[bytes]:
    """The body of a documented path."""
    if template.startswith("/v1/losses/"):
        return documents.texts(documents.mutated(documents.losses(name))) | documents.tensors(name)
    if template == "/v1/evaluations":
        return documents.texts(documents.mutated(documents.evaluations()))
    if template == "/v1/recipes/plan":
        return documents.texts(documents.mutated(st.just(CONFIG)))
    if template.startswith("/api/"):
        paths = st.lists(st.sampled_from(HUB["path"]), max_size=3)
        return documents.texts(
            documents.mutated(st.fixed_dictionaries({"paths": paths, "expand": st.booleans()}))
        )
    return documents.texts(documents.mutated(documents.specs))


@cache
def filling(template: str, placeholder: str) -> st.SearchStrategy[str]:
    """What stands for a placeholder of a path."""
    if placeholder == "token":
        return tokens()
    if template.startswith("/v1/losses/"):
        return st.sampled_from([*LOSSES, *LOSSES, "mse", "%ff"])
    if "/tensors/" in template:
        return st.sampled_from(["w", "fc.weight", "h.0.x.bias", "fc.bias"]) | documents.names.map(encoded)
    return st.sampled_from(HUB[placeholder]) | crumbs


@st.composite
def requests_of(draw: st.DrawFn, template: str, documented: tuple[str, ...]) -> Asked:
    """A request of a documented path, seldom with a method that it does not have."""
    method = draw(st.sampled_from(METHODS if draw(seldom) else documented))
    filled = {name: draw(filling(template, name)) for name in PLACEHOLDER.findall(template)}
    path = PLACEHOLDER.sub(lambda found: filled[found[1]], template)
    ask = draw(queries_of(template)) if "{" in template or template in ASKED else ""
    ask += draw(crumbs) if draw(seldom) else ""
    sent = draw(fields) if draw(st.booleans()) else {}
    body = draw(bodies_of(template, filled.get("name", ""))) if method in {"POST", "PUT"} else None
    if body is not None and body[4:8] == bytes(4):  # no JSON begins so
        sent = {"Content-Type": b"application/octet-stream", **sent}
    if method == "POST" and template == "/v1/weights":
        ask = ""
    return Asked(method, path + (f"?{ask}" if ask else ""), sent, body)


@st.composite
def requests(draw: st.DrawFn, document: dict[str, Any]) -> Asked:
    """A request of any documented path, and seldom of one that there is not."""
    if draw(seldom):
        target = "/" + draw(st.sampled_from(["", "v1/", "v1/weights/", "docs/assets/", "api/", "healthz"]))
        return Asked(draw(st.sampled_from(METHODS)), target + draw(crumbs), draw(fields))
    template = draw(st.sampled_from(_weighted(document["paths"])))
    return draw(requests_of(template, tuple(method.upper() for method in document["paths"][template])))
