"""Repository of a recipe at its revisions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial

from tensorseed.checkpoints.card import CardContext
from tensorseed.checkpoints.errors import RecipeError, UnknownEntryError, UnknownRevisionError
from tensorseed.checkpoints.generated_files import generated_files
from tensorseed.checkpoints.generated_texts import TextCache
from tensorseed.checkpoints.layout import TENSOR_BYTES
from tensorseed.checkpoints.quantization import NothingQuantisedError
from tensorseed.checkpoints.recipe import Recipe, quantised_recipe, weights_error
from tensorseed.checkpoints.repo_files import GeneratedFile, RepoFile
from tensorseed.checkpoints.revision import (
    DTYPE_NAMES,
    IDENTITY_BYTES,
    Revision,
    Variant,
    decode_commit,
    encode_commit,
    parse_revision,
    unknown_dtype,
    unknown_quantization,
)
from tensorseed.checkpoints.revision_files import texts, weights
from tensorseed.checkpoints.set_layouts import RecipeLayout, plan_layouts
from tensorseed.checkpoints.snapshot import Snapshot
from tensorseed.concurrency.single_flight import SingleFlightCache
from tensorseed.errors import SpecError, TooLargeError, shortened
from tensorseed.sampling.philox import STREAM_VERSION
from tensorseed.spec.limits import Limits
from tensorseed.spec.quantizations import METHODS, MethodName
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.suggestions import meant

__all__ = ["HUB_LAYOUT", "SHARD_BYTES", "Repository", "RepositoryCaches", "Snapshot"]

SHARD_BYTES = 5_000_000_000  # bytes of tensors in a file, where the recipe gives none: a service's default
HUB_LAYOUT = 1  # raised with every change of how a repository's files follow from its recipe

_NOWHERE = "0" * 40  # stands for the commit in the card that is identified


@dataclass(frozen=True)
class RepositoryCaches:
    """Caches of layouts, snapshots and generated texts, of all repositories of a library."""

    layouts: SingleFlightCache[RecipeLayout]
    snapshots: SingleFlightCache[Snapshot]
    texts: TextCache

    @classmethod
    def of(cls, tensors: int) -> RepositoryCaches:
        """RepositoryCaches for so many tensors, half in layouts and half in snapshots."""
        max_bytes = tensors * TENSOR_BYTES // 2
        return cls(
            SingleFlightCache(max_bytes, lambda layout: layout.nbytes),
            SingleFlightCache(max_bytes, lambda snapshot: snapshot.nbytes),
            TextCache(),
        )


class Repository:
    """The repository of one recipe. Any thread may use it."""

    def __init__(self, recipe: Recipe, limits: Limits, shard_bytes: int, caches: RepositoryCaches) -> None:
        """`shard_bytes` holds where the recipe gives none."""
        self.recipe = recipe
        self._limits = limits
        self._shard_bytes = shard_bytes
        self._caches = caches
        self._mark = object()  # separates its cache entries from those of an earlier repository of this id
        self._identities: dict[Variant, bytes] = {}

    @property
    def id(self) -> str:
        """The recipe's id."""
        return self.recipe.id

    def check(self, source: str) -> None:
        """Raise RecipeError unless the weights can be laid out; `source` names the recipe in its message."""
        try:
            self._cached_layout(Variant())
        except SpecError as error:
            raise weights_error(source, error) from None
        except TooLargeError as error:
            raise RecipeError(f"the recipe {source} is too large: {error}") from None

    def snapshot(self, revision: str) -> Snapshot:
        """What a revision, by name or by commit, holds.

        The first of a dtype lays its tensors out, a second for 45,000 tensors; after that it takes
        milliseconds.

        Raises:
            UnknownRevisionError: the repository has no such revision.
            RecipeError: the recipe is not valid.
            TooLargeError: the recipe is beyond the limits.
        """
        found = self._revision(revision)
        commit = encode_commit(found.seed, self._identity(found.variant))
        return self._caches.snapshots.get((self._mark, commit), partial(self._at, found, commit))

    def resolved(self, revision: str, folder: str = "") -> ResolvedSpec:
        """The spec of the weights in a folder at a revision, by name or by commit.

        Raises:
            UnknownEntryError: no set of weights is in the folder.
            UnknownRevisionError: the repository has no such revision.
            RecipeError: the recipe is not valid.
            TooLargeError: the recipe is beyond the limits.
        """
        found = self._revision(revision)
        for part, layout in self._layout(found.variant).sets:
            if part.folder == folder:
                return layout.resolved.reseeded(part.seed(found.seed))
        there = ", ".join(f"{self.id}/{part.folder}" for part in self.recipe.sets if part.folder)
        missing = f"no weights in {shortened(folder)!r}" if folder else "no weights at the top"
        raise UnknownEntryError(f"{self.id} has {missing}: there are {there or self.id}")

    def _revision(self, text: str) -> Revision:
        found = parse_revision(text) or self._of_commit(text)
        if found is None and (spelled := unknown_dtype(text)):
            raise UnknownRevisionError(
                f"{self.id} has no revision in {shortened(spelled)!r}: "
                f"the dtypes are {', '.join(DTYPE_NAMES)}"
            )
        if found is None and (spelled := unknown_quantization(text)):
            raise UnknownRevisionError(
                f"{self.id} has no revision quantised as {shortened(spelled)!r}: "
                f"the methods are {', '.join(METHODS)}{meant(spelled, METHODS)}"
            )
        if found is None:
            raise UnknownRevisionError(
                f"{self.id} has no revision {shortened(text)!r}: there are main, seed-42 for any seed, "
                "seed-42,dtype=bfloat16,quantization=fp8, and their commits"
            )
        return self._canonical(found)

    def cached_snapshot(self, revision: str) -> Snapshot | None:
        """The snapshot of a revision that is in the cache; None otherwise. Computes nothing."""
        parsed = self._parse_revision(revision)
        identity = None if parsed is None else self._identities.get(parsed.variant)
        if parsed is None or identity is None:
            return None
        commit = encode_commit(parsed.seed, identity)
        if parse_revision(revision) is None and commit != revision:
            return None
        return self._caches.snapshots.peek((self._mark, commit))

    def has_layout(self, revision: str) -> bool:
        """Whether `snapshot` takes milliseconds, since the tensors in this dtype are laid out already."""
        parsed = self._parse_revision(revision)
        return parsed is None or (
            parsed.variant in self._identities and (self._mark, parsed.variant) in self._caches.layouts
        )

    def _parse_revision(self, revision: str) -> Revision | None:
        """The revision of a name or a commit, whether or not the commit is of this recipe."""
        named = parse_revision(revision)
        if named is not None:
            return self._canonical(named)
        decoded = decode_commit(revision)
        return decoded and Revision(decoded[0], *(Variant.of_code(decoded[1][0]) or Variant()))

    def _canonical(self, revision: Revision) -> Revision:
        """The revision, with None for the recipe's own dtype."""
        return revision._replace(dtype=None) if revision.dtype == self.recipe.dtype else revision

    def _of_commit(self, commit: str) -> Revision | None:
        """The revision of a commit; None for other text.

        Raises:
            UnknownRevisionError: the commit is of another recipe.
        """
        decoded = decode_commit(commit)
        if decoded is None:
            return None
        seed, identity = decoded
        variant = Variant.of_code(identity[0])
        known = variant is not None and (variant.dtype is None or variant.dtype != self.recipe.dtype)
        if variant is None or not known or self._identity(variant) != identity:
            raise UnknownRevisionError(
                f"{self.id} has no commit {commit}: it is one of another recipe, or of this one before it "
                "changed; ask for main or seed-N for a new one"
            )
        return Revision(seed, *variant)

    def _identity(self, variant: Variant) -> bytes:
        """12 bytes for all that decides the files' bytes but the seed.

        The first is the variant's, 0 for the recipe as it is, so that a commit identifies it. The others are
        of SHA-256 over the files of seed 0.
        """
        known = self._identities.get(variant)
        if known is None:
            snapshot = self._at(Revision(0, *variant), _NOWHERE)
            running = hashlib.sha256(f"tensorseed hub v{HUB_LAYOUT}, stream v{STREAM_VERSION}\n".encode())
            running.update(f"{self.id}\n".encode())
            for file in snapshot.files:
                running.update(f"{file.path} {file.identity}\n".encode())
            known = bytes([variant.code]) + running.digest()[: IDENTITY_BYTES - 1]
            self._identities[variant] = known
        return known

    def _layout(self, variant: Variant) -> RecipeLayout:
        """The layout of a variant.

        Raises:
            UnknownRevisionError: the weights do not exist in this dtype or quantisation.
            RecipeError: the weights of the recipe are not valid.
            TooLargeError: the weights exceed a limit in the recipe's own dtype.
        """
        try:
            return self._cached_layout(variant)
        except NothingQuantisedError as error:
            raise UnknownRevisionError(f"{self.id} does not exist in {variant.words}: {error}") from None
        except (SpecError, TooLargeError) as error:
            if variant != Variant():
                detail = error.faults[0].detail if isinstance(error, SpecError) else str(error)
                raise UnknownRevisionError(f"{self.id} does not exist in {variant.words}: {detail}") from None
            if isinstance(error, SpecError):
                raise weights_error(self.id, error) from None
            raise TooLargeError(f"{self.id} is too large for this service: {error}") from None

    def _cached_layout(self, variant: Variant) -> RecipeLayout:
        """The layout of a variant, from the cache if it is there.

        Raises:
            SpecError: the entries are not valid.
            TooLargeError: a limit is exceeded, or no file holds a tensor.
            NothingQuantisedError: the recipe has nothing to be quantised so.
        """

        def make() -> RecipeLayout:
            recipe = self._quantised(variant.quantization)
            return plan_layouts(recipe, variant.dtype, self._limits, self._shard_bytes)

        return self._caches.layouts.get((self._mark, variant), make)

    def _quantised(self, method: MethodName | None) -> Recipe:
        """The recipe, quantised by a method if there is one.

        Raises:
            NothingQuantisedError: it has nothing to be quantised so.
        """
        return self.recipe if method is None else quantised_recipe(self.recipe, method)

    def _at(self, revision: Revision, commit: str) -> Snapshot:
        """The snapshot of a revision, whose dtype is not the recipe's own."""
        layout = self._layout(revision.variant)
        context = CardContext(self._quantised(revision.quantization), layout, revision, commit)
        files: list[RepoFile] = [*texts(context), *self._generated(), *weights(context)]
        nbytes = layout.nbytes + sum(file.held_bytes for file in files)
        ordered = tuple(sorted(files, key=lambda file: file.path))
        return Snapshot(self.recipe, revision, commit, ordered, layout.parameters, nbytes)

    def _generated(self) -> list[GeneratedFile]:
        """The generated texts, none of them made."""
        found = generated_files(self.recipe)
        return [GeneratedFile(path, text, self._caches.texts) for path, text in found.items()]
