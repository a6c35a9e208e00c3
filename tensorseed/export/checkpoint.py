"""Files of an export: those of a repository, or the file of a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tensorseed.checkpoints.generated_texts import UnmadeTextError
from tensorseed.checkpoints.library import Library, folders
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.checkpoints.repo_files import RepoFile, WeightsFile
from tensorseed.checkpoints.repository import SHARD_BYTES, Repository, RepositoryCaches
from tensorseed.checkpoints.revision import parse_revision
from tensorseed.client.errors import RefusedError
from tensorseed.client.local_compute import file_of, refusing
from tensorseed.client.source import Source
from tensorseed.devices.local import LIMITS
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.json.text import dump, load
from tensorseed.spec.spec import in_dtype, parse_spec
from tensorseed.spec.spellings.names import dtype_name

CACHE_TENSORS = 300_000

_CONFIG_MEMBERS = frozenset(("model_type", "architectures", "_class_name", "peft_type", "auto_map"))


class Origin(NamedTuple):
    """What a checkpoint is opened from, in any process: one of a recipe's id, its text, or a spec.

    `file_name` is that of the spec's only file.
    """

    revision: str = "main"
    name: str | None = None
    recipe: bytes | None = None
    spec: bytes | None = None
    file_name: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """The files of an export. `identity` decides their bytes, `left_out` are texts that cannot be made."""

    origin: Origin
    name: str
    identity: str
    files: tuple[RepoFile, ...]
    left_out: tuple[str, ...] = ()

    def share(self, index: int, count: int) -> list[RepoFile]:
        """The files of one of `count` processes, by descending size: every `count`th, from `index` on."""
        return sorted(self.files, key=lambda file: (-file.size, file.path))[index::count]


def origin_of(source: Source, file_name: str, seed: int | None, dtype: str | None) -> Origin:
    """The origin of a source, with a seed and a dtype in place of its own.

    Raises:
        RefusedError: the source is a URL, names a revision beside a seed or dtype, or is not valid.
    """
    if source.base is not None:
        raise RefusedError("export computes here: give a recipe, a spec or a config, and no URL")
    if source.recipe is not None:
        name, at, revision = source.recipe.partition("@")
        if at and (seed is not None or dtype is not None):
            raise RefusedError(f"{source.recipe} names a revision: leave that out, or --seed and --dtype")
        return Origin(revision or revision_name(seed, dtype), name)
    document = load(source.spec) if source.spec is not None and _is_object(source.spec) else None
    if isinstance(document, dict) and "layers" not in document:
        if "id" in document and not document.keys().isdisjoint({"weights", "config", "components"}):
            return Origin(revision_name(seed, dtype), recipe=source.spec)
        if not _CONFIG_MEMBERS.isdisjoint(document):
            return Origin(revision_name(seed, dtype), recipe=_derived(document))
    return Origin(spec=_spec(source, seed, dtype), file_name=file_name)


def revision_name(seed: int | None, dtype: str | None) -> str:
    """The name of a revision of a seed and a dtype.

    Raises:
        RefusedError: there is no such dtype.
    """
    parts = [] if seed is None else [f"seed-{seed}"]
    parts += [] if dtype is None else [f"dtype={dtype}"]
    text = ",".join(parts) or "main"
    if parse_revision(text) is None:
        raise RefusedError(f"there is no dtype {dtype}: give one such as bfloat16")
    return text


def _is_object(text: bytes) -> bool:
    return text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _derived(config: Mapping[str, Any]) -> bytes:
    """The recipe of a config.

    Raises:
        RefusedError: transformers cannot build the model, or is not installed.
    """
    from tensorseed.checkpoints.derivation import derivation_of

    with refusing():
        return dump(derivation_of(config).recipe)


def _spec(source: Source, seed: int | None, dtype: str | None) -> bytes:
    """The canonical text of a spec with a seed and a dtype.

    Raises:
        RefusedError: the spec is not valid, or not in that dtype.
    """
    resolved = file_of(source).resolved
    with refusing():
        if dtype is not None:
            resolved = in_dtype(resolved, dtype_name(dtype), LIMITS)
        if seed is not None:
            document = load(resolved.recipe.encode(), LIMITS)
            resolved = parse_spec(dump({**document, "seed": seed}), LIMITS)
    return resolved.recipe.encode()


def open_checkpoint(origin: Origin) -> Checkpoint:
    """The checkpoint of an origin. Every generated text is made, since its size counts.

    Raises:
        RefusedError: there is no such repository or revision, or the recipe or spec is not valid.
    """
    with refusing():
        if origin.spec is not None:
            return _of_spec(origin, origin.spec)
        repository = _repository(origin)
        snapshot = repository.snapshot(origin.revision)
        files, left_out = _made(snapshot.files)
        name = f"{repository.id}@{snapshot.revision.name}"
        return Checkpoint(origin, name, snapshot.commit, files, left_out)


def _of_spec(origin: Origin, spec: bytes) -> Checkpoint:
    file = open_file(parse_spec(spec, LIMITS))
    only = WeightsFile(origin.file_name, file.size, file.digest, lambda: file)
    return Checkpoint(origin, origin.file_name, file.digest, (only,))


def _repository(origin: Origin) -> Repository:
    """The repository, laid out as a service of default settings has it.

    Raises:
        UnknownRepositoryError: no shipped recipe has the id.
        RecipeError: the recipe is not valid.
    """
    if origin.recipe is not None:
        recipe = read_recipe(origin.recipe, "of SOURCE")
        repository = Repository(recipe, LIMITS, SHARD_BYTES, RepositoryCaches.of(CACHE_TENSORS))
        repository.check(recipe.id)
        return repository
    assert origin.name is not None
    library = Library(folders(None), LIMITS, SHARD_BYTES)
    if origin.name not in library:
        near = library.nearest(origin.name)
        remedy = f"did you mean {near}?" if near else "tensorseed recipes lists those there are"
        raise RefusedError(f"{origin.name} is no file and no id of a recipe: {remedy}")
    return library.repository(origin.name)


def _made(files: Sequence[RepoFile]) -> tuple[tuple[RepoFile, ...], tuple[str, ...]]:
    """The files of known size, and the paths of texts that cannot be made, which a service leaves out."""
    found, left_out = [], []
    for file in files:
        try:
            _ = file.size
        except UnmadeTextError:
            left_out.append(file.path)
        else:
            found.append(file)
    return tuple(found), tuple(left_out)
