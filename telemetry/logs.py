"""Structured logs: one JSON object a line, on standard error, without secrets."""

import logging
import re

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

SECRETS = re.compile(r"burki_[A-Za-z0-9]+|\b[0-9a-f]{64}\b")
"""API keys, and hashes of keys."""


class SafeFormatter(OrjsonFormatter):
    """JSON lines in which whatever looks like a key or its hash is left out.

    An exception is told by its type alone: messages and tracebacks of libraries may hold SQL,
    paths and parameters.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return SECRETS.sub("[secret]", super().format(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is logging's
        """The exception's type."""
        return _name(ei[0]) if isinstance(ei, tuple) and ei[0] is not None else ""


def configure_logging(level: str) -> None:
    """Send every log line of this process to standard error as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        SafeFormatter(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
