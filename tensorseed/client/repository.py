"""Repositories of models fetched into a folder, file by file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from tensorseed.client.download import Fetched, Options, compute_file, fetch_file, find, verified_digest
from tensorseed.client.errors import DiskError, MismatchError, NetworkError, RefusedNameError, writing_errors
from tensorseed.client.http.answers import read_listing
from tensorseed.client.http.remote import JSON, Remote
from tensorseed.client.part_file import Target
from tensorseed.client.service_recipes import RECIPES
from tensorseed.client.source import Source
from tensorseed.files.output import check_output, open_output

if TYPE_CHECKING:
    from tensorseed.checkpoints.repo_files import RepoFile
    from tensorseed.checkpoints.repository import Repository

MODELS = "/api/models"


class RepositoryFile(NamedTuple):
    """A file of a folder; `there` says that it was kept. Without a digest only its size was compared."""

    path: str
    size: int
    digest: str | None
    there: bool


class FetchedRepository(NamedTuple):
    """A repository at a revision, its files, and the bytes that this took in so many seconds."""

    name: str
    revision: str
    commit: str
    files: list[RepositoryFile]
    nbytes: int
    seconds: float

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def verified(self) -> bool:
        """Whether the bytes of every file were computed here or compared."""
        return all(file.digest is not None for file in self.files)


class _Folder:
    """The files of a repository in the folder `options.output`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._begun = time.monotonic()
        self._nbytes = 0
        self.files: list[RepositoryFile] = []

    def options(self, path: str) -> Options:
        """The options of one file, whose folder is there then.

        Raises:
            DiskError: the folder cannot be made.
        """
        output = self._options.output / path
        with writing_errors(output):
            output.parent.mkdir(parents=True, exist_ok=True)
        return replace(self._options, output=output)

    def add(self, path: str, fetched: Fetched) -> None:
        """Count a file that was fetched."""
        self._nbytes += fetched.nbytes
        self.files.append(RepositoryFile(path, fetched.size, fetched.digest, there=False))

    def keep(self, path: str, size: int, digest: str | None) -> None:
        """Count a file that is kept as it is."""
        self.files.append(RepositoryFile(path, size, digest, there=True))

    def report(self, name: str, revision: str, commit: str) -> FetchedRepository:
        """The whole, once every file is there."""
        seconds = time.monotonic() - self._begun
        return FetchedRepository(name, revision, commit, self.files, self._nbytes, seconds)


async def fetch_repository(urls: Sequence[str], recipe: str, options: Options) -> FetchedRepository:
    """Download a repository, `owner/name@revision`, from servers that all have it.

    A file that is there is compared, and fetched if it is another one and `options.force`. Without
    `options.verify` its size alone is compared, and with both options every file is fetched anew.

    Raises:
        RefusedError: the servers have no such repository or revision.
        NetworkError: no server answered as it should, even after several attempts.
        MismatchError: the bytes of a file are not the right ones.
        DiskError: a file cannot be written, or is another one.
    """
    folder = _Folder(options)
    remote = Remote(urls, options.key, options.connections, lambda: options.backoff(options.attempts))
    async with remote:
        name, within, revision = await _named(remote, recipe)
        commit, paths = await _listed(remote, name, revision)
        for path in _inside(within, recipe, paths):
            source = Source(path=f"/{quote(name)}/resolve/{commit}/{quote(path)}")
            await _download(remote, source, path, folder)
    return folder.report(name, revision, commit)


async def _named(remote: Remote, recipe: str) -> tuple[str, str, str]:
    """The id, the component's folder or "", and the revision of a recipe that the servers have."""
    from tensorseed.checkpoints.weight_sets import candidates

    given, _, revision = recipe.partition("@")
    unknown: RefusedNameError | None = None
    for known, within in candidates(given):
        try:
            document = await remote.document(f"{RECIPES}/{quote(known)}")
        except RefusedNameError as error:
            unknown = unknown or error
            continue
        about = document.get("recipe")
        name = about.get("id") if isinstance(about, Mapping) else None
        return name if isinstance(name, str) else known, within, revision or "main"
    assert unknown is not None
    raise unknown


async def _listed(remote: Remote, name: str, revision: str) -> tuple[str, list[str]]:
    """The commit of a revision, and the paths of its files."""
    path = f"{MODELS}/{quote(name)}/revision/{quote(revision, safe='')}"
    listing = remote.answer("GET", path, lambda content, _: read_listing(content), {"Accept": JSON})
    commit, paths = await listing
    for each in paths:
        if not _is_relative(each):
            raise NetworkError("the server lists a file outside of its repository: check the URL")
    return commit, paths


def _is_relative(path: str) -> bool:
    """Whether a path leads to a file within a folder, on every system."""
    parts = path.split("/")
    plain = all(part not in ("", ".", "..") and not part.startswith("~") for part in parts)
    return plain and path.isprintable() and not set(path) & set('\\:*?"<>|')


def _inside(within: str, recipe: str, paths: Iterable[str]) -> list[str]:
    """The paths of a component's folder; all of them for "".

    Raises:
        RefusedNameError: the folder has no file.
    """
    found = [path for path in paths if not within or within in map(str, PurePosixPath(path).parents)]
    if not found:
        raise RefusedNameError(f"{recipe} names no folder of a repository: leave {within} out")
    return found


async def _download(remote: Remote, source: Source, path: str, folder: _Folder) -> None:
    options = folder.options(path)
    file = await find(remote, source)
    if options.output.exists() and not _anew(options):
        size = options.output.stat().st_size
        try:
            if size != file.answer.size:
                raise MismatchError(f"{options.output} is another file")
            digest = None
            if options.verify:
                digest = await verified_digest(remote, file, options.output, source, options)
        except MismatchError:
            _check_force(options)
        else:
            folder.keep(path, size, digest)
            return
    folder.add(path, await fetch_file(remote, file, source, options))


def compute_repository(recipe: str, options: Options) -> FetchedRepository:
    """Compute a shipped repository, `owner/name@revision`, on all cores. See `fetch_repository`."""
    from tensorseed.client.local_compute import refusing

    folder = _Folder(options)
    with refusing():
        repository, within = _shipped(recipe)
        revision = recipe.partition("@")[2] or "main"
        snapshot = repository.snapshot(revision)
        files = {file.path: file for file in snapshot.files}
        for path in _inside(within, recipe, files):
            _compute(files[path], folder)
    return folder.report(repository.id, revision, snapshot.commit)


def _shipped(recipe: str) -> tuple[Repository, str]:
    """The repository of a recipe that ships, and the component's folder or "".

    Raises:
        RefusedNameError: none has this id.
    """
    from tensorseed.checkpoints.library import Library, folders
    from tensorseed.checkpoints.repository import SHARD_BYTES
    from tensorseed.checkpoints.weight_sets import candidates
    from tensorseed.devices.local import LIMITS

    library = Library(folders(None), LIMITS, SHARD_BYTES)
    given = recipe.partition("@")[0]
    for name, within in candidates(given):
        if name in library:
            return library.repository(name), within
    near = library.nearest(given)
    remedy = f"did you mean {near}?" if near else "tensorseed recipes lists those there are"
    raise RefusedNameError(f"{given} is no id of a recipe: {remedy}")


def _compute(file: RepoFile, folder: _Folder) -> None:
    """Write a file of weights, or a text that is there before it is compared with anything."""
    from tensorseed.checkpoints.repo_files import WeightsFile
    from tensorseed.client.integrity import file_digest

    options, begun = folder.options(file.path), time.monotonic()
    if options.output.exists() and not _anew(options):
        if _is_right(file, options):
            folder.keep(file.path, file.size, file_digest(options.output) if options.verify else None)
            return
        _check_force(options)
    target = Target(options.output, restart=options.restart, force=options.force)
    if isinstance(file, WeightsFile):
        folder.add(file.path, compute_file(file.weights, target, options))
        return
    text = file.text or b""
    with writing_errors(options.output), open_output(options.output, overwrite=options.force) as written:
        written.write(text)
    seconds = time.monotonic() - begun
    folder.add(file.path, Fetched(len(text), file_digest(options.output), len(text), seconds))


def _is_right(file: RepoFile, options: Options) -> bool:
    from tensorseed.checkpoints.repo_files import WeightsFile
    from tensorseed.client.local_file import open_local
    from tensorseed.client.verify import compare

    if os.path.getsize(options.output) != file.size:
        return False
    if not options.verify:
        return True
    if not isinstance(file, WeightsFile):
        return options.output.read_bytes() == file.text
    try:
        with open_local(options.output) as local:
            return compare(local, file.weights, options.local()).equal
    except MismatchError:  # it breaks the format
        return False


def _anew(options: Options) -> bool:
    """Whether a file that is there is written again, since nothing may say that it is right."""
    return options.force and not options.verify


def _check_force(options: Options) -> None:
    """Check that another file may be written over the one that is there.

    Raises:
        DiskError: it is no regular file, or `options.force` is false.
    """
    with writing_errors(options.output):
        check_output(options.output, overwrite=True)
    if not options.force:
        raise DiskError(
            f"{options.output} is another file: name another folder, or overwrite it with force=True"
        ).naming("force")
