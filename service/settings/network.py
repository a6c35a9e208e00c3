"""Settings of the process and of its connections, by subject."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

from .types import OptionalPath

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")

_ROOT_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


def split_list(text: str) -> list[str]:
    """The members of a list that is separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _valid_origins(value: str) -> str:
    for origin in split_list(value):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin: write scheme and host alone, or * for all")
    return value


Origins = Annotated[str, AfterValidator(_valid_origins)]  # RFC 6454, separated by commas; * for all


def _valid_root_path(value: str) -> str:
    path = value.rstrip("/")
    if path and (not _ROOT_PATH.fullmatch(path) or {".", ".."} & set(path.split("/"))):
        raise ValueError(f"{value!r} is no path: write it as /tensorseed, of letters, digits and -._~ alone")
    return path


def _valid_proxies(value: str) -> str:
    for proxy in split_list(value):
        try:
            if proxy != "*":
                ip_network(proxy)
        except ValueError as error:
            remedy = "write addresses such as 127.0.0.1 and networks such as 10.0.0.0/8, or * for all"
            raise ValueError(f"{error}: {remedy}") from None
    return value


RootPath = Annotated[str, AfterValidator(_valid_root_path)]
Proxies = Annotated[str, AfterValidator(_valid_proxies)]  # separated by commas; * for all


class AddressSettings(BaseSettings, defer_build=True):
    """Address."""

    host: str = Field(
        "127.0.0.1", description="address to listen on; 0.0.0.0 for every interface, :: for those of IPv6 too"
    )
    port: int = Field(8000, ge=0, le=65_535, description="TCP port to listen on; 0 takes a free one")
    uds: OptionalPath = Field(
        None,
        description="path of a Unix domain socket to listen on instead of host and port; empty for none",
    )
    root_path: RootPath = Field(
        "",
        description="path that a proxy in front removes from URLs, such as /tensorseed; the URLs in answers "
        "begin with it; empty for none",
    )
    trusted_proxies: Proxies = Field(
        "",
        description="addresses and networks of proxies in front, separated by commas, whose X-Forwarded-For "
        "and X-Forwarded-Proto name the client; * for all, empty for none",
    )
    cors_origins: Origins = Field(
        "",
        description="origins whose pages may call this service from a browser, such as "
        "https://example.org, separated by commas; * for all, empty for none",
    )


class LogSettings(BaseSettings, defer_build=True):
    """Logs, metrics and traces."""

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


class KeySettings(BaseSettings, defer_build=True):
    """API keys."""

    keys_file: OptionalPath = Field(
        None,
        description="file of API keys, name:digest a line, read again when it changes; without a key nothing "
        "but health, readiness, documentation and the explorer's page is answered; empty for a service open "
        "to all",
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


class ProcessSettings(BaseSettings, defer_build=True):
    """Processes and their stop."""

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


class ConnectionSettings(BaseSettings, defer_build=True):
    """Connections."""

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
