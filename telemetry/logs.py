"""Logs on standard error, without secrets: a JSON object a line, or short lines on a terminal."""

import logging
import re
import sys

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

SECRETS = re.compile(r"burki_[A-Za-z0-9]+|\b[0-9a-f]{64}\b")
"""API keys, and hashes of keys."""
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
RESERVED = [*RESERVED_ATTRS, "color_message"]
"""What a record has besides what our code adds to it."""
REQUESTS = "call_analytics.requests"
"""The logger of requests."""


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
        return exception_name(ei)


class TerminalFormatter(logging.Formatter):
    """Short lines for people. Nothing in them is obeyed by a terminal, whoever chose the text."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s  %(levelname)s  %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """One line: of a request its status, endpoint and operation, error codes and time."""
        if record.name == REQUESTS:
            request = vars(record)
            words = [request["endpoint"], request["operation"], *request["codes"]]
            line = "  ".join(
                [
                    self.formatTime(record, self.datefmt),
                    str(request["status"]),
                    " ".join(word for word in words if word),
                    f"{request['duration_ms']:.0f} ms",
                ]
            )
        else:
            extras = vars(record).items()
            told = [f"{name}={value}" for name, value in extras if name not in RESERVED]
            line = "  ".join([super().format(record), *told])
        return SECRETS.sub("[secret]", CONTROL_CHARACTERS.sub("?", line))

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is logging's
        """The exception's type, as in JSON."""
        return exception_name(ei)


def configure_logging(level: str) -> None:
    """Send every log line of this process to standard error: short on a terminal, else JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(TerminalFormatter() if sys.stderr.isatty() else _json_formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _json_formatter() -> SafeFormatter:
    return SafeFormatter(
        ["asctime", "levelname", "name", "message"],
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        reserved_attrs=RESERVED,
    )


def exception_name(exc_info: object) -> str:
    """The type of an exception, which is all that is told of it."""
    kind = exc_info[0] if isinstance(exc_info, tuple) else None
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else ""
