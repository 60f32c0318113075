"""The answer of ``callAnalytics``, in the shape of GraphQL's JSON."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.clocks import Bucket, bucket_name, buckets
from tests.oracle.rest import Row
from tests.oracle.windows import WEEKDAYS, Window, window


def answer(
    calls: list[Row],
    assistants: list[Row],
    *,
    organization: int,
    asked: dict[str, Any] | None = None,
    zone: str = "UTC",
    week_starts_on: str = "MONDAY",
    assistant_ids: list[int] | None = None,
    now: datetime,
    before: int = 0,
) -> "Answer":
    """What an organization's figures are.

    ``asked`` has the arguments ``period``, ``dates`` or ``instants``, as in a GraphQL request;
    nothing is ``LAST_7_DAYS``. ``now`` is aware. ``before`` counts how many times ``previous`` was
    followed.
    """
    return Answer(
        calls,
        assistants,
        organization,
        asked or {},
        ZoneInfo(zone),
        week_starts_on,
        assistant_ids,
        now,
        before,
    )


@dataclass(frozen=True)
class Answer:
    """The answer for one window. Each list of GraphQL's type is a method."""

    every_call: list[Row]
    assistants: list[Row]
    organization: int
    asked: dict[str, Any]
    zone: ZoneInfo
    week_starts_on: str
    assistant_ids: list[int] | None
    now: datetime
    before: int

    @cached_property
    def window(self) -> Window:
        """The instants that count."""
        return window(self.asked, self.zone, self.week_starts_on, self.now, self.before)

    @cached_property
    def calls(self) -> list[Row]:
        """The calls that count."""
        return [
            call
            for call in self.every_call
            if call["assistant_id"] in self._names
            # What no datetime can be (infinity, the year 10000, text) is no time, and never counts.
            and isinstance(call["started_at"], datetime)
            and self.window.holds(_started(call))
        ]

    @cached_property
    def _names(self) -> dict[int, str]:
        return {
            assistant["id"]: assistant["name"]
            for assistant in self.assistants
            if assistant["organization_id"] == self.organization
            and (self.assistant_ids is None or assistant["id"] in self.assistant_ids)
        }

    def bounds(self) -> Row:
        """The window and the zone, as they are told."""
        return {
            "timeZone": self.zone.key,
            "windowStart": self.window.start.isoformat(),
            "windowEnd": (self.window.until or self.now.astimezone(UTC)).isoformat(),
            "asOf": self.now.astimezone(UTC).isoformat(),
        }

    def figures(self) -> Row:
        """Those of all calls."""
        return figures(self.calls)

    def daily_stats(self) -> list[Row]:
        """Local dates that have calls, ascending."""
        by_date: dict[str, list[Row]] = {}
        for call in self.calls:
            by_date.setdefault(self._local(call).date().isoformat(), []).append(call)
        return [
            {
                "date": date,
                "total": len(calls),
                "completed": _count(calls, "completed"),
                "failed": _count(calls, "failed"),
            }
            for date, calls in sorted(by_date.items())
        ]

    def series(self, grain: str = "DAY") -> list[Row]:
        """Every bucket that holds an instant of the window and does not begin after now."""
        found = self._buckets(grain)
        by_name: dict[Any, list[Row]] = {name: [] for name in found}
        for call in self.calls if found else []:
            name = self._bucket_name(grain, _started(call))
            by_name[name if name in found else list(found)[-1]].append(call)
        return [
            {
                "start": bucket.start.astimezone(self.zone).isoformat(),
                "end": bucket.end.astimezone(self.zone).isoformat(),
                "isPartial": (
                    bucket.start < self.window.start
                    or bucket.end > self.now
                    or (self.window.until is not None and bucket.end > self.window.until)
                ),
                **figures(by_name[name]),
            }
            for name, bucket in found.items()
        ]

    def top_assistants(
        self,
        limit: int = 10,
        order_by: tuple[str, str] = ("TOTAL_CALLS", "DESC"),
        min_calls: int = 1,
    ) -> list[Row]:
        """Assistants that have so many calls. ``order_by`` is a field and a direction."""
        by_assistant: dict[int, list[Row]] = {}
        for call in self.calls:
            by_assistant.setdefault(call["assistant_id"], []).append(call)
        found = [
            {
                "assistantId": assistant,
                "assistantName": self._names[assistant],
                "calls": len(calls),
                "duration": _duration(calls),
                **figures(calls),
            }
            for assistant, calls in sorted(by_assistant.items())
            if len(calls) >= min_calls
        ]
        field, direction = order_by
        name = "assistantName" if field == "NAME" else _camel_case(field)
        # A sort leaves ties as they are, also where it is reversed: by ascending id.
        found.sort(key=lambda item: item[name], reverse=direction == "DESC")
        return found[:limit]

    def hours_of_week(self) -> list[Row]:
        """The 168 hours of a week on the local clock."""
        by_hour: dict[tuple[int, int], list[Row]] = {}
        for call in self.calls:
            local = self._local(call)
            by_hour.setdefault((local.weekday(), local.hour), []).append(call)
        first = WEEKDAYS.index(self.week_starts_on)
        return [
            {
                "weekday": WEEKDAYS[day % 7],
                "hour": hour,
                **figures(by_hour.get((day % 7, hour), [])),
            }
            for day in range(first, first + 7)
            for hour in range(24)
        ]

    def statuses(self) -> list[Row]:
        """Each status that occurs, most calls first."""
        by_status: dict[str, list[Row]] = {}
        for call in self.calls:
            by_status.setdefault(call["status"], []).append(call)
        return [
            {"status": status, "calls": len(calls), "duration": _duration(calls)}
            for status, calls in sorted(
                by_status.items(), key=lambda item: (-len(item[1]), item[0])
            )
        ]

    def durations(self) -> Row:
        """The shortest and the longest of the durations that an average counts."""
        found = self._averaged()
        return {"min": min(found, default=None), "max": max(found, default=None)}

    def percentile(self, percent: float) -> int | None:
        """By nearest rank. ``percent`` is the decimal number that it is written as."""
        share = Fraction(str(percent)) / 100
        found = self._averaged()
        for duration in found:
            if sum(other <= duration for other in found) >= share * len(found):
                return duration
        return None

    def histogram(self, edges: list[int]) -> list[Row]:
        """How many of the durations that an average counts are between edges."""
        return [
            {
                "from": start,
                "to": end,
                "calls": sum(
                    start <= duration and (end is None or duration < end)
                    for duration in self._averaged()
                ),
            }
            for start, end in zip([0, *edges], [*edges, None], strict=True)
        ]

    def previous(self) -> "Answer":
        """The answer for the window before."""
        return replace(self, before=self.before + 1)

    def _averaged(self) -> list[int]:
        """Ascending."""
        return sorted(
            call["duration"]
            for call in self.calls
            if call["status"] == "completed" and call["duration"]
        )

    def _local(self, call: Row) -> datetime:
        return _started(call).astimezone(self.zone)

    def _bucket_name(self, grain: str, moment: datetime) -> Any:
        step = grain.lower().replace("_", " ")
        return bucket_name(step, self.zone, moment, WEEKDAYS.index(self.week_starts_on))

    def _buckets(self, grain: str) -> dict[Any, Bucket]:
        """The buckets of the series by name, ascending."""
        start, until = self.window
        found = buckets(
            grain.lower().replace("_", " "),
            self.zone,
            WEEKDAYS.index(self.week_starts_on),
            start,
            self.now if until is None else min(until, max(self.now, start)),
        )
        kept = {
            name: bucket
            for name, bucket in found.items()
            if bucket.start <= self.now
            and any(
                start < piece.end and (until is None or max(start, piece.start) < until)
                for piece in bucket.pieces
            )
        }
        return dict(sorted(kept.items(), key=lambda item: item[1].start))


def figures(calls: list[Row]) -> Row:
    """The figures of ``CallFigures``, of any group of calls."""
    total, completed, failed = len(calls), _count(calls, "completed"), _count(calls, "failed")
    ongoing = _count(calls, "ongoing")
    of_completed = [call["duration"] for call in calls if call["status"] == "completed"]
    counted = [duration for duration in of_completed if duration]  # neither null nor 0
    return {
        "totalCalls": total,
        "completedCalls": completed,
        "failedCalls": failed,
        "ongoingCalls": ongoing,
        "otherCalls": total - completed - failed - ongoing,
        "totalDuration": sum(counted),
        "avgDuration": sum(counted) / len(counted) if counted else 0,
        "successRate": 100 * completed / total if total else 0,
        "failureRate": 100 * failed / total if total else 0,
        "durationOfAllStatuses": _duration(calls),
    }


def _count(calls: list[Row], status: str) -> int:
    return sum(call["status"] == status for call in calls)


def _duration(calls: list[Row]) -> int:
    return sum(call["duration"] for call in calls if call["duration"] is not None)


def _started(call: Row) -> datetime:
    started_at: datetime = call["started_at"]
    return started_at.replace(tzinfo=UTC)


def _camel_case(name: str) -> str:
    first, *others = name.lower().split("_")
    return first + "".join(map(str.capitalize, others))
