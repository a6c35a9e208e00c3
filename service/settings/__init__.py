"""Settings of the service: name, default, bounds and meaning.

`tensorseed settings` lists them. Each is read from the environment variable `TENSORSEED_` and its name in
capitals. Only the command line reads them; everything below it receives values.
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from pathlib import Path

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tensorseed.concurrency.cache_folder import usable_folder
from tensorseed.concurrency.cpu import cores
from tensorseed.spec.limits import Limits

from .bounds import RequestBounds
from .network import (
    AddressSettings,
    ConnectionSettings,
    KeySettings,
    LogSettings,
    ProcessSettings,
    split_list,
)
from .work import ComputeSettings, MemorySettings, RecipeSettings

PREFIX = "TENSORSEED_"

PATH_CHARS = 1_024  # of a URL beside its token


class Settings(
    RequestBounds,
    RecipeSettings,
    MemorySettings,
    ComputeSettings,
    ConnectionSettings,
    ProcessSettings,
    KeySettings,
    LogSettings,
    AddressSettings,
):
    """All settings of one process, in groups: the last base comes first."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    @classmethod
    def groups(cls) -> dict[str, list[str]]:
        """The names of the settings by the heading of their group, in order."""
        bases = [base for base in reversed(cls.__bases__) if issubclass(base, BaseSettings)]
        return {str(base.__doc__).rstrip("."): list(base.model_fields) for base in bases}

    @model_validator(mode="after")
    def _urls_hold_tokens(self) -> Settings:
        if self.url_bytes < self.token_chars + PATH_CHARS:
            raise ValueError(
                f"{PREFIX}URL_BYTES={self.url_bytes} does not hold the longest token and {PATH_CHARS:,} "
                f"bytes beside it: raise it, or lower {PREFIX}TOKEN_CHARS={self.token_chars}"
            )
        return self

    def origins(self) -> list[str]:
        """The origins that may call this service from a browser."""
        return split_list(self.cors_origins)

    def proxies(self) -> list[str]:
        """The proxies whose word on the client is taken; `*` alone for all."""
        proxies = split_list(self.trusted_proxies)
        return ["*"] if "*" in proxies else proxies

    def thread_count(self) -> int:
        """The threads that compute; by default one for each core of this process."""
        return self.threads or cores()

    def cache_folder(self) -> Path | None:
        """The folder of compiled kernels, made if missing; None without one that nobody else can write."""
        return None if self.kernel_cache is None else _checked_folder(self.kernel_cache)

    def limits(self) -> Limits:
        """The limits of a spec."""
        return Limits(**{limit.name: getattr(self, limit.name) for limit in fields(Limits)})


@lru_cache(maxsize=16)
def _checked_folder(folder: Path) -> Path | None:
    """The folder, which is checked once a process, as far as this version reads it."""
    from tensorseed.sampling.executors.kernel_cache import sources_digest  # imports numpy and LLVM

    return usable_folder(folder, sources_digest())
