"""Settings of the work: threads, streams, caches and recipes, by subject."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from .types import OptionalPath


class ComputeSettings(BaseSettings, defer_build=True):
    """Computing."""

    threads: int = Field(
        0,
        ge=0,
        le=4_096,
        description="threads that compute; 0 for one per core, or as many as a container's quota allows",
    )
    chunk_bytes: int = Field(
        1 << 20,
        ge=4_096,
        le=1 << 26,
        description="bytes computed, sent and cancelled at a time; up to eight times as many for a client "
        "that keeps up, while few are served",
    )
    window: int = Field(3, ge=1, le=64, description="chunks that one answer computes ahead of its client")
    streams: int = Field(
        256, ge=1, le=1 << 20, description="most files that are streamed at a time; one more is answered 429"
    )
    evaluations: int = Field(
        32,
        ge=1,
        le=1 << 20,
        description="most evaluations at a time, and as many losses, waiting ones included; one more is "
        "answered 429",
    )
    kernel_cache: OptionalPath = Field(
        Path("~/.cache/tensorseed"),
        description="folder that keeps compiled loops for the next start; empty for none",
    )
    portable_kernels: bool = Field(
        False,
        description="whether to compile for a level of x86-64 that many processors share, as the loops in "
        "the image are, instead of for this very model; changes no value",
    )


class MemorySettings(BaseSettings, defer_build=True):
    """Memory and caches."""

    memory_bytes: int = Field(
        768 << 20,
        ge=1 << 24,
        le=1 << 50,
        description="memory for what requests hold, estimated, in bytes: bodies, parsed specs, the cached "
        "ones among them, long texts, losses and evaluations; one more is answered 429, and one that exceeds "
        "it by itself 413",
    )
    cache_tensors: int = Field(
        300_000,
        ge=0,
        le=1 << 26,
        description="tensors of parsed specs to remember between requests; 0 for none",
    )
    answer_bytes: int = Field(
        32 << 20,
        ge=0,
        le=1 << 40,
        description="memory for small files that are requested more than once, and for what those of one "
        "query with several seeds have in common, in bytes; 0 for none",
    )
    shared_cache_bytes: int = Field(
        1 << 26,
        ge=0,
        le=1 << 62,
        description="largest answer that shared caches, such as a proxy's, may store, in bytes; a larger one "
        "is private, and nginx does not buffer it",
    )


class RecipeSettings(BaseSettings, defer_build=True):
    """Model repositories."""

    recipes: OptionalPath = Field(
        None,
        description="folder of further recipes to serve as model repositories, read at the start and on "
        "change; their ids win over those that come with the program; empty for none",
    )
    aliases: bool = Field(
        True,
        description="whether model repositories answer to the aliases of their recipes too, such as gpt2",
    )
    shard_bytes: int = Field(
        5_000_000_000,
        ge=1,
        le=50_000_000_000,
        description="most bytes of tensors in one file of a model repository, unless its recipe says",
    )
    recipe_seconds: float = Field(
        60,
        gt=0,
        le=86_400,
        description="most seconds that deriving a recipe from a config may take; needs the extra "
        "tensorseed[transformers]",
    )
    recipe_bytes: int = Field(
        1 << 28,
        ge=1 << 26,
        le=1 << 40,
        description="most bytes of memory that deriving a recipe from a config may take, in a process of its "
        "own, beyond what the process takes by itself",
    )
