"""What the query string of an export says."""

import re
from datetime import date, datetime
from typing import TypeVar

from starlette.datastructures import QueryParams

from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.call_list import checked_statuses
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.export import Export, FileFormat
from call_analytics.resolvers.limits import checked_assistant_ids
from call_analytics.resolvers.question import UTC
from call_analytics.resolvers.window import Asked, DateRange, InstantRange, Period, window_for
from call_analytics.resolvers.zones import zone_for
from call_analytics.web.rest import DEFAULT_PERIOD

T = TypeVar("T")

PERIODS = {period.value.replace("-", "_"): period for period in Period}
"""The windows that have a name: those of the other REST path, and those of the calendar."""
FORMATS = {file_format.value: file_format for file_format in FileFormat}

ONCE = ("format", "period", "first", "last", "start", "end", "time_zone")
REPEATED = ("assistant_id", "status")
INTEGER = re.compile("-?[0-9]{1,18}")


def export_asked_for(parameters: QueryParams, now: datetime) -> Export:
    """The export that a query string asks for at an instant.

    Raises:
        BadInput: where a parameter makes no sense, or there is none of its name.
    """
    given = _given_once(parameters)
    zone = zone_for(given["time_zone"]) if "time_zone" in given else None
    window = window_for(
        _asked(given), zone=zone or zone_for(UTC), week_starts_on=Weekday.MONDAY, now=now
    )
    ids = parameters.getlist("assistant_id")
    statuses = parameters.getlist("status")
    return Export(
        _one_of(FORMATS, "format", given.get("format", FileFormat.CSV.value)),
        window,
        zone,
        checked_assistant_ids([_integer(text) for text in ids]) if ids else None,
        checked_statuses(statuses) if statuses else None,
    )


def _given_once(parameters: QueryParams) -> dict[str, str]:
    """The parameters that may be given once."""
    given: dict[str, str] = {}
    for name, value in parameters.multi_items():
        if name in REPEATED:
            continue
        if name not in ONCE:
            raise BadInput(
                f"There is no parameter {name!r:.50}. Those there are: "
                f"{', '.join((*ONCE, *REPEATED))}."
            )
        if name in given:
            raise BadInput(f"`{name}` is given twice.")
        given[name] = value
    return given


def _asked(given: dict[str, str]) -> Asked:
    kinds = [("period",), ("first", "last"), ("start", "end")]
    found = [kind for kind in kinds if any(name in given for name in kind)]
    if len(found) > 1:
        raise BadInput("Give one window: `period`, or `first` and `last`, or `start` and `end`.")
    for name in found[0] if found else ():
        if name not in given:
            raise BadInput(f"`{found[0][0]}` and `{found[0][1]}` are given together.")
    if "first" in given:
        return DateRange(_date("first", given["first"]), _date("last", given["last"]))
    if "start" in given:
        return InstantRange(_instant("start", given["start"]), _instant("end", given["end"]))
    return _one_of(PERIODS, "period", given.get("period", DEFAULT_PERIOD))


def _one_of(choices: dict[str, T], name: str, text: str) -> T:
    if text not in choices:
        raise BadInput(f"`{name}` must be one of {', '.join(choices)}, not {text!r:.50}.")
    return choices[text]


def _date(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"`{name}` must be a date like 2026-03-10, not {text!r:.50}.") from None


def _instant(name: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"`{name}` must be an instant like 2026-03-10T12:00:00Z, not {text!r:.50}. "
            "(In an address, + is written %2B.)"
        ) from None


def _integer(text: str) -> int:
    if not INTEGER.fullmatch(text):
        raise BadInput(f"`assistant_id` must be a whole number, not {text!r:.50}.")
    return int(text)
