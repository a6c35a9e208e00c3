"""Multipart uploads of S3 that a killed writer left: listed and aborted.

obstore lists none, so these two requests are signed here by AWS Signature Version 4.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Self
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import httpx

from tensorseed.client.errors import NetworkError

SECONDS = 60.0  # for one answer
MAX_PAGES = 1_000

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


def uploads(client: httpx.Client, access: Access, bucket: str, prefix: str) -> Iterator[Upload]:
    """The multipart uploads of the keys that begin with a prefix.

    Raises:
        NetworkError: the store does not list them.
    """
    after: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        answer = _asked(client, access, "GET", bucket, {"uploads": "", "prefix": prefix, **after})
        root = ElementTree.fromstring(answer.content)  # noqa: S314 - of the store that takes the weights
        for one in root.iterfind("{*}Upload"):
            yield Upload(one.findtext("{*}Key", ""), one.findtext("{*}UploadId", ""))
        if root.findtext("{*}IsTruncated") != "true":
            return
        after = {
            "key-marker": root.findtext("{*}NextKeyMarker", ""),
            "upload-id-marker": root.findtext("{*}NextUploadIdMarker", ""),
        }


def abort(client: httpx.Client, access: Access, bucket: str, upload: Upload) -> None:
    """Abort an upload; one that is gone by now is no error.

    Raises:
        NetworkError: the store does not.
    """
    _asked(client, access, "DELETE", f"{bucket}/{upload.key}", {"uploadId": upload.id}, gone=404)


def _asked(
    client: httpx.Client,
    access: Access,
    method: str,
    path: str,
    query: Mapping[str, str],
    gone: int | None = None,
) -> httpx.Response:
    url, headers = signed(access, method, path, query, datetime.now(UTC))
    try:
        answer = client.request(method, url, headers=headers, timeout=SECONDS)
    except httpx.HTTPError as error:
        raise _failed(path, type(error).__name__) from None
    if not answer.is_success and answer.status_code != gone:
        raise _failed(path, f"status {answer.status_code}")
    return answer


def _failed(path: str, reason: str) -> NetworkError:
    return NetworkError(f"s3://{path} lists no unfinished uploads ({reason}): try again later")
