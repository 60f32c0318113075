"""St. John's set its clocks back from one minute past midnight: the date before came again.

So the 6th of November 2010 is there from its midnight until 02:30 UTC and from 02:31 to 03:30 UTC,
and the 7th in the minute between, and after.
"""

from datetime import UTC, datetime

import pytest

from call_analytics.db.replicas.servers import Servers
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.calendar import Step
from call_analytics.resolvers.question import Question, Selection
from call_analytics.resolvers.window import InstantRange
from call_analytics.resolvers.zones import zone_for
from tests import oracle
from tests.platform import Platform

ZONE = "America/St_Johns"
CALLS = ("06T12:00", "07T02:29", "07T02:30", "07T02:31", "07T03:29", "07T03:30", "08T03:30")


@pytest.mark.parametrize(
    ("start", "end", "now", "days"),
    [
        # Both parts of either date.
        ("06T00:00", "09T00:00", "09T00:00", {"05": 0, "06": 4, "07": 2, "08": 1}),
        # From the minute of the 7th on: the 6th is there again, and comes first.
        ("07T02:30", "09T00:00", "09T00:00", {"06": 2, "07": 2, "08": 1}),
        ("07T02:30", "07T03:00", "09T00:00", {"06": 1, "07": 1}),
        # No more than that minute.
        ("07T02:30", "07T02:31", "09T00:00", {"07": 1}),
        # The second part of the 6th, and of the 7th.
        ("07T02:31", "07T03:30", "09T00:00", {"06": 2}),
        ("07T02:31", "07T03:31", "09T00:00", {"06": 2, "07": 1}),
        # Now is in the minute, and the rest counts in the last day.
        ("06T12:00", "09T00:00", "07T02:30", {"06": 4, "07": 3}),
    ],
)
def test_each_call_is_in_the_bucket_of_its_date(
    platform: Platform, start: str, end: str, now: str, days: dict[str, int]
) -> None:
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    moments = [_instant(moment).replace(tzinfo=None) for moment in CALLS]
    platform.add_calls([{"assistant_id": assistant, "started_at": moment} for moment in moments])
    asked = InstantRange(_instant(start), _instant(end))
    selection = Selection(
        series={Step.DAY: frozenset({"total_calls"})}, series_aliases={Step.DAY: 1}
    )
    question = Question(asked, selection, zone_for(ZONE))

    report = platform.run(
        Analytics(Servers(platform.reader)).report(organization, question, now=_instant(now))
    )

    found = report.series[Step.DAY]
    assert {point.start[8:10]: point.total_calls for point in found} == days
    expected = oracle.answer(
        platform.calls,
        platform.assistants,
        organization=organization,
        asked={"instants": {"start": asked.start.isoformat(), "end": asked.end.isoformat()}},
        zone=ZONE,
        now=_instant(now),
    ).series("DAY")
    assert [(point.start, point.end, point.is_partial, point.total_calls) for point in found] == [
        (point["start"], point["end"], point["isPartial"], point["totalCalls"])
        for point in expected
    ]


def _instant(moment: str) -> datetime:
    return datetime.fromisoformat(f"2010-11-{moment}").replace(tzinfo=UTC)
