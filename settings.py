"""Every setting of the service, and the only place that reads the environment.

A setting named ``port`` is read from ``CALL_ANALYTICS_PORT`` or from a line of that name in
``.env``. The README's table lists the same settings; a test keeps the two equal.
"""

from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CALL_ANALYTICS_"


class SettingsError(ValueError):
    """A setting has a value the service cannot run with; the message names it."""


class Settings(BaseSettings):
    """The settings of one process, checked when they are read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = Field(
        default="sqlite:///call-analytics.db",
        description="Where the calls are: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks one.")
    workers: int = Field(default=1, ge=1, le=256, description="Server processes.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written."
    )
    pool_size: int = Field(
        default=5, ge=1, le=1000, description="Database connections of one server process."
    )
    connect_timeout_seconds: float = Field(
        default=5, gt=0, description="Longest wait for a database connection, new or pooled."
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
        description="How often rollup rows that wait are merged (PostgreSQL); 0 leaves it to "
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
        default=2_000, ge=10, description="Largest number of tokens in one GraphQL document."
    )
    shutdown_seconds: int = Field(
        default=30, ge=0, description="How long a stopping server waits for running requests."
    )


def load_settings() -> Settings:
    """Read the settings from the environment and ``.env``.

    Raises:
        SettingsError: naming each wrong setting and what it must be, on one line.
    """
    try:
        return Settings()
    except ValidationError as error:
        complaints = [
            f"{PREFIX}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise SettingsError("; ".join(complaints)) from None
