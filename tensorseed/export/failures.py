"""Failures of a store, each as an error of the client with its remedy."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from tensorseed.client.errors import ClientError, DiskError, NetworkError, RefusedError

_CODE = re.compile(r"<Code>(\w+)</Code>")
_SYSTEM = re.compile(r"\(os error (\d+)\)")
_STATUS = re.compile(r"(?:status code|status): (\d{3})")

_ROOM = frozenset((errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)))
_RIGHTS = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))
_NO_BUCKET = frozenset(("NoSuchBucket", "ContainerNotFound", "InvalidBucketName"))
_CLOCK = frozenset(("RequestTimeTooSkewed", "RequestExpired"))
_DENIED = frozenset(("AccessDenied", "AuthorizationFailure", "AuthorizationPermissionMismatch"))
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_TOKENS = ("169.254.", "metadata.google", "token request", "Account must be specified")


@contextmanager
def explained(name: str, scheme: str) -> Iterator[None]:
    """Turn failures of a store in the block into errors of the client; `name` is that of the destination.

    Raises:
        RefusedError: the bucket is not there, or the store refuses the credentials or the clock.
        NetworkError: the store did not answer as it should, even after several attempts.
        DiskError: the disk is full, or refuses a file.
    """
    try:
        yield
    except ClientError:
        raise
    except (BaseError, OSError, ValueError) as error:
        raise explain(error, name, scheme) from None


def lacks_bucket(error: Exception) -> bool:
    """Whether a store says that the bucket is not there, rather than the object."""
    return _code_of(str(error)) in _NO_BUCKET


def _code_of(text: str) -> str:
    match = _CODE.search(text)
    return match[1] if match else ""


def explain(error: Exception, name: str, scheme: str) -> ClientError:
    """The error of the client for a failure of a store."""
    text = str(error)
    if scheme == "file":
        found = _SYSTEM.search(text)
        number = error.errno if isinstance(error, OSError) and error.errno else found and int(found[1])
        reason = os.strerror(number).lower() if number else "the system refuses it"
        remedy = "make room, or" if number in _ROOM else "let this user write there, or"
        remedy = remedy if number in _ROOM | _RIGHTS else "mend it, or"
        return DiskError(f"{name} cannot be written ({reason}): {remedy} name another DEST")
    code = _code_of(text)
    if code in _NO_BUCKET:
        return RefusedError(f"{name}: there is no such bucket ({code}): make it, or correct DEST")
    if code in _CLOCK:
        return RefusedError(f"{name}: the store finds the clock of this machine wrong ({code}): set it")
    if code in _DENIED:
        return RefusedError(f"{name}: the credentials do not allow this ({code}): let them read and write")
    status = _STATUS.search(text)
    refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
    if refused or (status and status[1] in ("401", "403") and not any(mark in text for mark in _TOKENS)):
        return RefusedError(f"{name}: the store refuses the credentials ({code or '403'}): {_hint(scheme)}")
    if isinstance(error, ValueError) or any(mark in text for mark in _TOKENS):
        return RefusedError(f"{name}: there are no credentials, or no such URL: {_hint(scheme)}")
    reason = f"status {status[1]}" if status else "no answer"
    if code:
        reason += f", {code}"
    return NetworkError(f"{name} did not answer as it should ({reason}): the same command goes on from here")


def _hint(scheme: str) -> str:
    return f"set {_VARIABLES[scheme]}"
