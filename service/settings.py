"""Settings of the service: name, default, bounds and meaning.

`tensorseed settings` lists them. Each is read from the environment variable `TENSORSEED_` and its name in
capitals. Only the command line reads them; everything below it receives values.
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tensorseed.concurrency.cpu import cores, usable_folder
from tensorseed.spec.limits import Limits

PREFIX = "TENSORSEED_"

PATH_CHARS = 1_024  # of a URL beside its token

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _valid_origins(value: str) -> str:
    for origin in _split(value):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin: write scheme and host alone, or * for all")
    return value


OptionalPath = Annotated[Path | None, BeforeValidator(_none_if_empty)]
Origins = Annotated[str, AfterValidator(_valid_origins)]  # RFC 6454, separated by commas; * for all


class Settings(BaseSettings):
    """Settings of one process."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for every interface")
    port: int = Field(8000, ge=0, le=65_535, description="TCP port to listen on; 0 takes a free one")
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        "info", description="least severe log line to write"
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="form of the log lines; auto is text on a terminal and JSON elsewhere"
    )
    access_log: bool = Field(False, description="whether to write a log line for every request")
    metrics_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="TCP port that serves the metrics alone, open to all who reach it; 0 serves them at "
        "/metrics of the main port",
    )
    traces: bool = Field(
        False,
        description="whether to record an OpenTelemetry trace of every request, sent to where the variables "
        "OTEL_ of OpenTelemetry itself say; needs the extra tensorseed[otel]",
    )
    keys_file: OptionalPath = Field(
        None,
        description="file of API keys, name:digest a line, read again when it changes; without a key nothing "
        "but health, readiness and documentation is answered; empty for a service open to all",
    )
    key_requests: int = Field(
        0,
        ge=0,
        le=1 << 30,
        description="most requests a second of one key, in each process; one more is answered 429; 0 for any",
    )
    key_bytes: int = Field(
        0,
        ge=0,
        le=1 << 50,
        description="most bytes a second that are sent to one key, by each process; streams slow down to it, "
        "and requests beyond it are answered 429; 0 for any",
    )
    cors_origins: Origins = Field(
        "",
        description="origins whose pages may call this service from a browser, such as "
        "https://example.org, separated by commas; * for all, empty for none",
    )
    workers: int = Field(1, ge=1, le=256, description="processes that serve, each with its own threads")
    grace_seconds: float = Field(
        30,
        ge=0,
        le=86_400,
        description="most seconds that running requests have to end when the service stops; new ones are "
        "answered 503 meanwhile",
    )
    notice_seconds: float = Field(
        0,
        ge=0,
        le=3_600,
        description="seconds from /readyz turning 503 until new work is answered 503 when the service stops, "
        "for a balancer to notice",
    )
    keep_alive_seconds: int = Field(
        5, ge=1, le=3_600, description="seconds that a connection may wait for its next request"
    )
    header_seconds: float = Field(
        10, gt=0, le=3_600, description="most seconds that the head of a request may take to come"
    )
    idle_seconds: float = Field(
        120,
        gt=0,
        le=86_400,
        description="seconds after which a client is dropped that reads nothing of its answer, or sends "
        "nothing of its body",
    )
    url_bytes: int = Field(65_536, ge=1_024, le=1 << 20, description="longest URL of a request, in bytes")
    header_bytes: int = Field(
        65_536, ge=1_024, le=1 << 20, description="most bytes of a request's header fields together"
    )
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
        description="most evaluations and losses at a time, waiting ones included; one more is answered 429",
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
    body_bytes: int = Field(16 << 20, ge=1_024, le=1 << 30, description="largest body of a request, in bytes")
    json_elements: int = Field(
        65_536, ge=0, le=1 << 24, description="most elements of a file that is also available as JSON"
    )
    cache_tensors: int = Field(
        300_000,
        ge=0,
        le=1 << 26,
        description="tensors of parsed specs to remember between requests; 0 for none",
    )
    recipes: OptionalPath = Field(
        None,
        description="folder of further recipes to serve as model repositories, read at the start and on "
        "change; their ids win over those that come with the program; empty for none",
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
    answer_bytes: int = Field(
        32 << 20,
        ge=0,
        le=1 << 40,
        description="memory for small files that are requested more than once, in bytes; 0 for none",
    )
    tensors: int = Field(
        Limits().tensors, ge=1, le=1 << 24, description="most tensors of one file, brace ranges expanded"
    )
    name_chars: int = Field(
        Limits().name_chars,
        ge=1_024,
        le=1 << 32,
        description="most characters of all tensor names of one file together, brace ranges expanded",
    )
    values: int = Field(Limits().values, ge=0, le=1 << 24, description="most literal numbers in one spec")
    file_bytes: int = Field(
        Limits().file_bytes, ge=1, le=1 << 62, description="most bytes of tensor data in one file"
    )
    token_chars: int = Field(
        Limits().token_chars, ge=64, le=60_000, description="longest token of a URL, in characters"
    )
    dimensions: int = Field(
        Limits().dimensions,
        ge=1,
        le=64,
        description="most dimensions of one tensor; numpy has no more than 64",
    )

    materialised_bytes: int = Field(
        Limits().materialised_bytes,
        ge=0,
        le=1 << 40,
        description="most bytes of tensor data in one file of generator torch, which is computed as a whole, "
        "and of such files cached between requests",
    )

    digest_bytes: int = Field(
        1 << 36,
        ge=0,
        le=1 << 62,
        description="largest file whose digests are computed on request, in bytes; 0 for none",
    )

    loss_values: int = Field(
        Limits().loss_values, ge=1, le=1 << 28, description="most numbers in the JSON body of one loss"
    )
    loss_bytes: int = Field(
        Limits().loss_bytes,
        ge=1_024,
        le=1 << 40,
        description="largest safetensors body of one loss, in bytes, held in memory while it is evaluated",
    )
    parameters: int = Field(
        Limits().parameters,
        ge=1,
        le=1 << 40,
        description="most parameters of the networks of one evaluation, all that it compares together",
    )
    activations: int = Field(
        Limits().activations,
        ge=1,
        le=1 << 40,
        description="most elements of all layers' outputs in one evaluation, for one step",
    )
    steps: int = Field(Limits().steps, ge=0, le=1 << 31, description="most optimizer steps of one evaluation")
    evaluation_seconds: float = Field(
        Limits().evaluation_seconds,
        gt=0,
        le=86_400,
        description="most seconds that one evaluation may compute",
    )

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
        return _split(self.cors_origins)

    def thread_count(self) -> int:
        """The threads that compute; by default one for each core of this process."""
        return self.threads or cores()

    def cache_folder(self) -> Path | None:
        """The folder of compiled kernels, created if missing; None without one. It may be read-only."""
        return None if self.kernel_cache is None else usable_folder(self.kernel_cache)

    def limits(self) -> Limits:
        """The limits of a spec."""
        return Limits(**{limit.name: getattr(self, limit.name) for limit in fields(Limits)})
