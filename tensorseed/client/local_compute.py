"""Files computed in this process and written as they are computed."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tensorseed.client.byte_ranges import Range, split
from tensorseed.client.errors import ClientError, RefusedError
from tensorseed.client.part_file import PartFile
from tensorseed.client.progress import Progress
from tensorseed.client.source import Source
from tensorseed.concurrency.buffers import Bytes
from tensorseed.devices.local import LIMITS, LocalSettings, local_source
from tensorseed.errors import SpecError, TensorseedError, UnusedRuleWarning
from tensorseed.files.computation import CHUNK_BYTES, FileComputation
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.lint import unused_rules
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import decode_token


@contextmanager
def refusing() -> Iterator[None]:
    """Turn the library's errors of the block into RefusedError, with every fault of a spec."""
    try:
        yield
    except ClientError:
        raise
    except SpecError as error:
        raise RefusedError.of(error.heading(error.faults), error.faults) from None
    except TensorseedError as error:
        raise RefusedError(str(error)) from None


def file_of(source: Source) -> VirtualFile:
    """Describe the file of a spec, a token or a shipped recipe.

    Every rule that gave no tensor its init is an `UnusedRuleWarning`.

    Raises:
        RefusedError: the spec is not valid, or the token names no file.
    """
    with refusing():
        if source.spec is not None:
            resolved = parse_spec(source.spec, LIMITS)
            for detail in unused_rules(resolved):
                warnings.warn(detail, UnusedRuleWarning, stacklevel=2)
            return open_file(resolved)
        if source.recipe is not None:
            from tensorseed.weights.spec_reading import read_spec

            return open_file(read_spec(source.recipe)[0])
        assert source.token is not None
        return open_file(decode_token(source.token, LIMITS))


def computation_of(file: VirtualFile, settings: LocalSettings, held: int = 0) -> FileComputation:
    """Prepare to compute a file on this host; `held` as `FileComputation` has it.

    Raises:
        RefusedError: this host cannot compute the file.
    """
    with refusing():
        source = local_source(file.resolved, settings.kernel_cache)
        return FileComputation(file, source, settings.threads, held)


def compute_into(
    part: PartFile, file: VirtualFile, settings: LocalSettings, progress: Progress
) -> str | None:
    """Compute the missing bytes of `part`; each thread writes what it computes.

    Returns the SHA-256 of the file in hex; None where some of its bytes were there already.

    Raises:
        RefusedError: this host cannot compute the file.
        DiskError: the part cannot be written.
    """
    missing = part.missing()
    if not missing:
        return None
    computation = computation_of(file, settings)
    hashing = hashlib.sha256()

    def write(span: Range) -> tuple[Range, Bytes]:
        content = computation.read(*span)
        part.write(span[0], content.data)
        return span, content

    for (start, stop), content in computation.map(write, split(missing, CHUNK_BYTES)):
        hashing.update(content.data)  # while the threads compute what follows
        part.mark(start, stop)
        progress(stop - start)
    return hashing.hexdigest() if missing == [(0, file.size)] else None
