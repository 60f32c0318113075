"""Every setting of the service.

A setting named ``port`` is read from ``CALL_ANALYTICS_PORT`` or from a line of that name in
``.env``. The table of docs/operating.md lists the same settings; a test keeps the two equal.
"""

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CALL_ANALYTICS_"
FILE = ".env"
HOST_NAME = re.compile(r"(?:[a-z0-9-]+\.)*[a-z0-9-]*[a-z-][a-z0-9-]*", re.IGNORECASE)
"""A host name. A text whose last part is a number is an address, or a wrong one."""


def _listening_address(value: str) -> str:
    if not HOST_NAME.fullmatch(value):
        try:
            ip_address(value)
        except ValueError:
            raise ValueError(f"{value!r} is no address and no host name") from None
    return value


def _networks(value: str) -> str:
    networks = listed(value)
    if networks == ["*"]:
        return value
    if "*" in networks:
        raise ValueError("'*' trusts every proxy, so it stands alone")
    for network in networks:
        try:
            ip_network(network)  # strict, because uvicorn ignores a network with host bits
        except ValueError:
            raise ValueError(
                f"{network!r} is no address and no network, as in 10.0.0.0/8"
            ) from None
    return value


def _origins(value: str) -> str:
    for origin in listed(value):
        parts = urlsplit(origin)
        if origin not in {"*", f"{parts.scheme}://{parts.netloc}"}:
            raise ValueError(f"{origin!r} is no origin, as in https://dashboard.example.org")
    return value


def listed(value: str) -> list[str]:
    """The items of a setting that is a list, with commas between."""
    return [part.strip() for part in value.split(",")] if value else []


class SettingsError(ValueError):
    """A setting has a value the service cannot run with; the message names it."""


class Settings(BaseSettings):
    """The settings of one process, checked when they are read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=FILE, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = Field(
        default="sqlite:///call-analytics.db",
        description="Where the calls are: `sqlite:///FILE` or "
        "`postgresql://USER:PASSWORD@HOST/NAME`, with libpq's options, and with commas between "
        "several hosts.",
    )
    read_database_url: str = Field(
        default="",
        description="Replicas of that PostgreSQL, with commas between their hosts, that answer in "
        "its place (see [scaling](scaling.md)).",
    )
    max_staleness_seconds: float = Field(
        default=10,
        gt=0,
        description="How old what a replica has may be: an older one does not answer.",
    )
    host: Annotated[str, AfterValidator(_listening_address)] = Field(
        default="127.0.0.1", description="Address to listen on."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks one.")
    workers: int = Field(default=1, ge=1, le=256, description="Server processes.")
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    ] = Field(default="info", description="Least severe log line that is written.")
    hide_phone_numbers: bool = Field(
        default=False,
        description="Whether only the last four digits of telephone numbers are shown.",
    )
    pool_size: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Database connections over which one server process answers requests; it has "
        "up to three more for `/readyz`, `/metrics` and merging rollups, and those of exports.",
    )
    connect_timeout_seconds: float = Field(
        default=5, gt=0, description="Longest time in which a database connection may be made."
    )
    statement_timeout_seconds: float = Field(
        default=10, gt=0, description="Longest run of one statement (PostgreSQL)."
    )
    key_cache_seconds: float = Field(
        default=5,
        ge=0,
        le=60,
        description="How long a key that was found valid stays so; 0 asks the database every time.",
    )
    compaction_seconds: float = Field(
        default=10,
        ge=0,
        description="How often the rollups' log is folded into sums; 0 leaves it to "
        "`call-analytics rollups compact`.",
    )
    retry_after_seconds: int = Field(
        default=5,
        ge=1,
        description="`Retry-After` of a 503: when a client should ask again.",
    )
    max_body_bytes: int = Field(
        default=100_000, ge=1_000, description="Largest request body that is read."
    )
    max_tokens: int = Field(
        default=1_000, ge=10, description="Largest number of tokens in one GraphQL document."
    )
    max_depth: int = Field(
        default=20, ge=3, description="Most levels of a document; a fragment is a level too."
    )
    max_fields: int = Field(
        default=500, ge=1, description="Most fields of a document, its fragments written out."
    )
    max_repeated_fields: int = Field(
        default=50, ge=0, description="Most fields that a document selects again at the same place."
    )
    max_aliases: int = Field(default=30, ge=0, description="Most aliases of a document.")
    max_root_fields: int = Field(
        default=10, ge=1, description="Most fields of an operation itself; each costs a statement."
    )
    max_directives: int = Field(default=50, ge=0, description="Most directives of a document.")
    max_errors: int = Field(default=20, ge=2, description="Most errors that a response lists.")
    max_concurrent_requests: int = Field(
        default=100,
        ge=1,
        description="Requests that one server process answers at the same time; more get a 503.",
    )
    max_connections: int = Field(
        default=800,
        ge=1,
        description="Connections that one server process holds at the same time; a new one takes "
        "the place of the one that has kept the server waiting longest. Each is an open file "
        "(`ulimit -n`).",
    )
    max_connections_per_address: int = Field(
        default=100,
        ge=0,
        description="The same of one address (IPv6: of a /64 network) that is no trusted proxy; "
        "more are refused. 0 is any number.",
    )
    head_timeout_seconds: float = Field(
        default=10, gt=0, description="Longest time in which the head of a request may come."
    )
    body_timeout_seconds: float = Field(
        default=10, gt=0, description="Longest time in which the body of a request may come."
    )
    request_timeout_seconds: float = Field(
        default=30,
        gt=0,
        description="Longest time after which a request is given up with a 503; the wait for a "
        "database connection is part of it.",
    )
    max_concurrent_exports: int = Field(
        default=4,
        ge=1,
        le=1000,
        description="Exports that one server process writes at the same time, each over a "
        "database connection of its own; more wait for `REQUEST_TIMEOUT_SECONDS`.",
    )
    export_timeout_seconds: float = Field(
        default=3_600,
        gt=0,
        description="Longest time of an export, whose snapshot the database has to keep so long.",
    )
    send_timeout_seconds: float = Field(
        default=30,
        gt=0,
        description="Longest wait for a client to take the next 64 kB of its answer.",
    )
    requests_per_minute: int = Field(
        default=6_000,
        ge=0,
        description="Requests of a key whose `rate_limit` does not say otherwise; 0 is any number.",
    )
    requests_per_hour: int = Field(default=0, ge=0, description="The same in an hour.")
    requests_per_day: int = Field(default=0, ge=0, description="The same in a day.")
    key_rate_limits: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether a key's own `rate_limit` holds: `on`, `off`, or `auto`, which is on "
        "in a database of the service's own and off in one that it is attached to.",
    )
    stranger_requests_per_minute: int = Field(
        default=600,
        ge=0,
        description="Requests without a valid key from one address (of IPv6 from one /64, and 16 "
        "times as many from one /48); 0 is any number.",
    )
    rate_limit_storage: str = Field(
        default="memory://",
        pattern="^(memory://$|rediss?://)",
        description="Where requests are counted: `memory://`, each process for itself, or "
        "`redis://HOST:PORT/NUMBER`, all together (needs the extra `redis`).",
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        default="",
        description="Addresses or networks, with commas between, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed.",
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="",
        description="Origins, with commas between, whose pages may ask from a browser, as in "
        "`https://dashboard.example.org`.",
    )
    max_age_seconds: int = Field(
        default=0, ge=0, description="How long a client may keep an answer; 0 is not at all."
    )
    dashboard: bool = Field(
        default=True, description="Whether `/` is the dashboard; else it leads to the explorer."
    )
    production: bool = Field(
        default=False,
        description="No explorer, no introspection, no `/openapi.json`, no suggestions in errors; "
        "without a valid key, nothing but `UNAUTHENTICATED`.",
    )
    trusted_documents: str = Field(
        default="",
        description="A JSON file, an object of GraphQL documents by hash: no others are run.",
    )
    telemetry_token: SecretStr = Field(
        default=SecretStr(""),
        description="Opens `/metrics` as `Authorization: Bearer TOKEN`; without it there is none.",
    )
    traces: bool = Field(
        default=False,
        description="Send OpenTelemetry traces to where `OTEL_EXPORTER_OTLP_ENDPOINT` says (needs "
        "the extra `traces`).",
    )
    shutdown_seconds: int = Field(
        default=30, ge=0, description="How long a stopping server waits for running requests."
    )


def load_settings(**options: Any) -> Settings:
    """Read the settings from the environment and ``.env``; options of a command win over them.

    Raises:
        SettingsError: naming each wrong setting and what it must be, on one line.
    """
    # Also without the options, because a worker process reads the settings so.
    complaints = [*_unknown_settings(), *_complaints({}), *_complaints(options)]
    if complaints:
        raise SettingsError("; ".join(dict.fromkeys(complaints)))
    return Settings(**options)


def _complaints(options: Mapping[str, Any]) -> Iterator[str]:
    try:
        Settings(**options)
    except ValidationError as error:
        for problem in error.errors():
            field = "_".join(str(part) for part in problem["loc"])
            name = f"--{field}" if field in options else f"{PREFIX}{field.upper()}"
            yield f"{name}: {problem['msg'].removeprefix('Value error, ')}"


def _unknown_settings() -> list[str]:
    """Without this, a setting with a misspelt name would silently keep its default."""
    known = [name.upper() for name in Settings.model_fields]
    complaints = []
    for name in sorted({*os.environ, *dotenv_values(FILE)}):
        setting = name.upper().removeprefix(PREFIX)
        if setting != name.upper() and setting not in known:
            similar = get_close_matches(setting, known, n=1)
            hint = f"; did you mean {PREFIX}{similar[0]}?" if similar else ""
            complaints.append(f"{name}: there is no such setting{hint}")
    return complaints
