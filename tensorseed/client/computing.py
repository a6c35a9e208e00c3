"""Writing a file that is computed here: each chunk by the thread that computes it."""

from __future__ import annotations

from pathlib import Path

from tensorseed.client.byte_ranges import Span, cut
from tensorseed.client.local_compute import CHUNK, LIMITS, Generation, refusing
from tensorseed.client.part_file import PartialFile
from tensorseed.client.progress import Progress
from tensorseed.client.source import Target
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import decode_token


def described(target: Target) -> VirtualFile:
    """The file that a spec or a token means. Raises RefusedError."""
    with refusing():
        if target.spec is not None:
            return open_file(parse_spec(target.spec, LIMITS))
        assert target.token is not None
        return open_file(decode_token(target.token, LIMITS))


def compute_into(
    part: PartialFile, file: VirtualFile, threads: int, kernel_cache: Path | None, progress: Progress
) -> None:
    """Fill `part` with what it lacks of `file`. Raises RefusedError where this host cannot compute it."""
    missing = part.missing()
    if not missing:
        return
    generation = Generation(file, threads, kernel_cache)

    def work(span: Span) -> Span:
        part.put(span[0], generation.read(*span).data)
        return span

    for start, stop in generation.each(cut(missing, CHUNK), work):
        part.mark(start, stop)
        progress(stop - start)
