"""Examples of the schemas against the file that they describe."""

from __future__ import annotations

from service.weights import schemas
from service.weights.content_disposition import content_disposition
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query
from tensorseed.spec.spec_token import encode_token


def test_the_examples_are_those_of_the_file_of_the_query() -> None:
    resolved = parse_query(schemas.QUERY, Limits())
    file = open_file(resolved)
    assert resolved.recipe == schemas.RECIPE
    assert encode_token(resolved) == schemas.TOKEN
    assert f'"{file.digest}"' == schemas.ETAG
    assert (len(file.header), file.size) == (schemas.HEADER_SIZE, schemas.SIZE)
    answer = schemas.file_answers()[200]["headers"]["Content-Disposition"]
    assert content_disposition(file, ".safetensors") in str(answer)
