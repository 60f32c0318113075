"""One exported call: its fields, and why a row is refused."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from call_analytics.db.models import Assistant, Call
from call_analytics.db.names import name_problem, text_problem

FIELD_NAMES = {
    "call_sid": "Call SID",
    "assistant_name": "Assistant Name",
    "to_phone_number": "To Phone",
    "customer_phone_number": "Customer Phone",
    "status": "Status",
    "duration": "Duration (seconds)",
    "started_at": "Started At",
    "ended_at": "Ended At",
}
"""The two spellings of a field: in JSON, and as a CSV heading. They are those of the platform's
exports; only ``to_phone_number`` is in none of these."""

NAMES = ("assistant_name",)
"""The fields that people read as a name."""

LARGEST_DURATION = 2**31 - 1
DURATION = re.compile("[0-9]{1,10}")


class BadRow(ValueError):  # noqa: N818 - the row is bad, the program is fine
    """A row cannot become a call; the message is the reason."""


class CallRow(NamedTuple):
    """A call of an export. Timestamps are UTC without a zone."""

    call_sid: str
    assistant_name: str
    to_phone_number: str
    """Empty where it is not known."""
    customer_phone_number: str
    status: str
    duration: int | None
    """Seconds."""
    started_at: datetime | None
    ended_at: datetime | None


class FileRow(NamedTuple):
    """A row of a file: a call, or the reason why it is none."""

    line: int
    """Where the row begins; the first line of a file is 1."""
    content: CallRow | BadRow
    text: str
    """The row as it was written; of one that is too long, its beginning."""


def without_row(reason: Exception) -> BadRow:
    """The same reason, without the traceback, by which it would hold the whole row."""
    return BadRow(str(reason))


def parse_call(record: Mapping[str, object]) -> CallRow:
    """Make a call of an exported record, whose keys are the names of its fields.

    Raises:
        BadRow: naming the field that is wrong and what it must be.
    """
    return CallRow(
        call_sid=_text(record, "call_sid", Call.call_sid.type.length),
        assistant_name=_text(record, "assistant_name", Assistant.name.type.length),
        to_phone_number=_text(
            record, "to_phone_number", Call.to_phone_number.type.length, required=False
        ),
        customer_phone_number=_text(
            record, "customer_phone_number", Call.customer_phone_number.type.length, required=False
        ),
        status=_text(record, "status", Call.status.type.length),
        duration=_duration(record),
        started_at=_timestamp(record, "started_at"),
        ended_at=_timestamp(record, "ended_at"),
    )


def _value(record: Mapping[str, object], field: str) -> object:
    value = record.get(field)
    return value.strip() or None if isinstance(value, str) else value


def _text(record: Mapping[str, object], field: str, longest: int, *, required: bool = True) -> str:
    heading = FIELD_NAMES[field]
    value = _value(record, field)
    if value is None:
        if required:
            raise BadRow(f"{heading} is missing")
        return ""
    if not isinstance(value, str):
        raise BadRow(f"{heading} must be text")
    problem = (name_problem if field in NAMES else text_problem)(value, longest)
    if problem is not None:
        raise BadRow(f"{heading} {problem}")
    return value


def _duration(record: Mapping[str, object]) -> int | None:
    value = _value(record, "duration")
    if value is None:
        return None
    number = int(value) if isinstance(value, str) and DURATION.fullmatch(value) else value
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= LARGEST_DURATION:
        return number
    raise BadRow(f"{FIELD_NAMES['duration']} must be a whole number of seconds, not {_cut(value)}")


def _timestamp(record: Mapping[str, object], field: str) -> datetime | None:
    value = _value(record, field)
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise ValueError
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return moment
        return moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise BadRow(
            f"{FIELD_NAMES[field]} must be a time like 2026-03-10T12:00:00, not {_cut(value)}"
        ) from None


def _cut(value: object) -> str:
    """A value as it was written, or its beginning; what is nested may be too deep for that."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return f"{value!r:.40}"
