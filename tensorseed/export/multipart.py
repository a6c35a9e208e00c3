"""Multipart uploads of S3 that a killed writer left: listed and aborted.

obstore lists none, so these two requests are signed here by AWS Signature Version 4.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Self
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import httpx

from tensorseed.client.errors import NetworkError, RefusedError
from tensorseed.client.http.retries import TRANSIENT_STATUSES, Backoff, retry_after

SECONDS = 60.0  # for one answer
MAX_PAGES = 1_000
FIRST_WAIT, LONGEST_WAIT = 0.1, 15.0  # seconds between attempts, those of obstore

_UNLISTED = frozenset((403, 405, 501))  # of a store that lists no uploads, or not to these keys
_EMPTY = hashlib.sha256(b"").hexdigest()


class Access(NamedTuple):
    """Where a bucket is, and keys to it."""

    endpoint: str
    region: str
    key: str
    secret: str
    token: str | None

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self | None:
        """The access that variables of the environment give; None without a key in them."""
        key, secret = variables.get("AWS_ACCESS_KEY_ID"), variables.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            return None
        region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
        endpoint = variables.get("AWS_ENDPOINT_URL") or variables.get("AWS_ENDPOINT")
        return cls(
            (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/"),
            region,
            key,
            secret,
            variables.get("AWS_SESSION_TOKEN"),
        )


class Upload(NamedTuple):
    """A multipart upload under way."""

    key: str
    id: str
    age: timedelta | None
    """By the clock of the store; None where the store does not say."""


def signed(
    access: Access, method: str, path: str, query: Mapping[str, str], at: datetime
) -> tuple[str, dict[str, str]]:
    """The URL and the headers of a request without a body. `path` begins with the bucket."""
    split = urlsplit(access.endpoint)
    route = quote(f"{split.path}/{path}", safe="/-_.~")
    asked = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(query.items()))
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": split.netloc, "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    if access.token:
        headers["x-amz-security-token"] = access.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join((method, route, asked, lines, names, _EMPTY))
    scope = f"{stamp[:8]}/{access.region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{access.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return f"{split.scheme}://{split.netloc}{route}?{asked}", headers


class UnlistedError(NetworkError):
    """The store lists no multipart uploads, or none to these keys."""


def uploads(
    client: httpx.Client, access: Access, bucket: str, prefix: str, attempts: int = 1
) -> Iterator[Upload]:
    """The multipart uploads of the keys that begin with a prefix. Each request has so many attempts.

    Raises:
        UnlistedError: the store refuses to list any, or its answer is no list of uploads.
        NetworkError: the store did not answer as it should after all attempts.
    """
    what = f"s3://{bucket} lists no unfinished uploads"
    after: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        query = {"uploads": "", "prefix": prefix, **after}
        answer = _asked(client, access, "GET", bucket, query, what, attempts)
        if answer.status_code in _UNLISTED:
            raise UnlistedError(f"{what} (status {answer.status_code})")
        if not answer.is_success:
            raise _failed(what, f"status {answer.status_code}")
        root = _list(answer.content, what)
        for one in root.iterfind("{*}Upload"):
            age = _age(one.findtext("{*}Initiated", ""), answer.headers.get("date", ""))
            yield Upload(one.findtext("{*}Key", ""), one.findtext("{*}UploadId", ""), age)
        if root.findtext("{*}IsTruncated") != "true":
            return
        after = {
            "key-marker": root.findtext("{*}NextKeyMarker", ""),
            "upload-id-marker": root.findtext("{*}NextUploadIdMarker", ""),
        }


def _age(initiated: str, date: str) -> timedelta | None:
    try:
        return parsedate_to_datetime(date) - datetime.fromisoformat(initiated)
    except (ValueError, TypeError):  # no such texts, or a time without its zone
        return None


def _list(content: bytes, what: str) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - of the store that takes the weights
    except ElementTree.ParseError:
        raise UnlistedError(f"{what} (an answer that is no XML)") from None
    if root.tag.rpartition("}")[2] != "ListMultipartUploadsResult":
        raise UnlistedError(f"{what} (an answer of another kind)")
    return root


def abort(client: httpx.Client, access: Access, bucket: str, upload: Upload, attempts: int = 1) -> None:
    """Abort an upload; one that is gone by now is no error.

    Raises:
        RefusedError: the keys do not allow it.
        NetworkError: the store does not after all attempts.
    """
    path = f"{bucket}/{upload.key}"
    what = f"s3://{path}: an unfinished upload cannot be aborted"
    answer = _asked(client, access, "DELETE", path, {"uploadId": upload.id}, what, attempts)
    if answer.status_code in (401, 403):
        raise RefusedError(f"{what} (status {answer.status_code}): let the credentials abort uploads")
    if not answer.is_success and answer.status_code != 404:
        raise _failed(what, f"status {answer.status_code}")


def _asked(
    client: httpx.Client,
    access: Access,
    method: str,
    path: str,
    query: Mapping[str, str],
    what: str,
    attempts: int,
) -> httpx.Response:
    """The answer to a request, which is sent again as obstore does with its own.

    Raises:
        NetworkError: there is none, or the store is not ready, after all attempts.
    """
    backoff = Backoff(attempts, FIRST_WAIT, LONGEST_WAIT)
    while True:
        demanded = None
        url, headers = signed(access, method, path, query, datetime.now(UTC))
        try:
            answer = client.request(method, url, headers=headers, timeout=SECONDS)
            if answer.status_code not in TRANSIENT_STATUSES:
                return answer
            reason, demanded = f"status {answer.status_code}", retry_after(answer.headers)
        except httpx.TransportError as error:
            reason = type(error).__name__
        except httpx.HTTPError as error:
            raise _failed(what, type(error).__name__) from None
        if not backoff.failed():
            raise _failed(what, reason)
        time.sleep(max(backoff.seconds(), min(demanded or 0.0, LONGEST_WAIT)))


def _failed(what: str, reason: str) -> NetworkError:
    return NetworkError(f"{what} ({reason}): the same command goes on from here")
