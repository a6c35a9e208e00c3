"""The examples of the OpenAPI document: a real file, with its token, size and entity tag."""

from __future__ import annotations

from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query
from tensorseed.spec.spec_token import encode_token

QUERY = {"shape": "256,784", "init": "xavier_uniform", "seed": "42"}

_RESOLVED = parse_query(QUERY, Limits())
_FILE = open_file(_RESOLVED)

TOKEN = encode_token(_RESOLVED)
URL = f"/v1/weights/{TOKEN}"
ETAG = f'"{_FILE.digest}"'
SIZE = _FILE.size
HEADER_SIZE = len(_FILE.header)
RECIPE = _RESOLVED.recipe
