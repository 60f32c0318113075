"""All calls of a window, in batches: the same calls as in lists, in the same order."""

from contextlib import aclosing
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import insert

from call_analytics.db.calls import exporting
from call_analytics.db.calls.exporting import ExportQuery, exported_calls
from call_analytics.db.figures.query import Window
from call_analytics.db.models import Call
from call_analytics.db.replicas.servers import Server
from tests import oracle
from tests.oracle.calls import listed
from tests.platform import NOW, Platform

START, END = (NOW - timedelta(days=400)).replace(tzinfo=None), NOW.replace(tzinfo=None)
STATUSES = ("completed", "failed", "busy", "")
# Few, so that many calls start at once; with stretches between that have none.
moments = st.sampled_from(
    [
        START - timedelta(microseconds=1),
        START,
        START + timedelta(microseconds=1),
        START + timedelta(days=17, hours=7),
        END - timedelta(minutes=61),
        END - timedelta(minutes=60, microseconds=-1),
        END - timedelta(microseconds=1),
        END,
    ]
)


@pytest.fixture(params=[False, True], ids=["managed", "attached"])
def any_platform(request: pytest.FixtureRequest, database: str) -> Platform:
    """A platform on a database of the service's own, or on one that it is attached to."""
    names = {"sqlite": ("platform", "attached_file"), "postgresql": ("platform", "attached")}
    found: Platform = request.getfixturevalue(names[database][request.param])
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Which database it is."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database: str) -> str:
    """The address of a database of the service's own."""
    return str(request.getfixturevalue("sqlite_url" if database == "sqlite" else "postgres_url"))


def _exported(platform: Platform, query: ExportQuery) -> list[list[int]]:
    """The ids of each batch."""

    async def export() -> list[list[int]]:
        async with aclosing(exported_calls(Server(platform.reader), query)) as batches:
            return [[call.id for call in batch] async for batch in batches]

    found: list[list[int]] = platform.run(export())
    return found


@given(
    calls=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(STATUSES), moments), max_size=20),
    asked=st.none() | st.lists(st.integers(0, 3), max_size=3),
    statuses=st.none() | st.lists(st.sampled_from(STATUSES), max_size=3),
    size=st.integers(1, 4),
    is_open=st.booleans(),
)
@hypothesis_settings(max_examples=60)
@pytest.mark.generates_documents
def test_the_batches_of_any_export_are_the_oracle_s(
    any_platform: Platform,
    calls: list[tuple[int, str, datetime]],
    asked: list[int] | None,
    statuses: list[str] | None,
    size: int,
    *,
    is_open: bool,
) -> None:
    platform = any_platform
    platform.clear()
    organization, other = platform.add_organization(), platform.add_organization()
    assistants = platform.add_assistants(organization, 3)
    assistants.append(platform.add_assistant(other))
    platform.add_calls(
        [
            {"assistant_id": assistants[number], "status": status, "started_at": moment}
            for number, status, moment in calls
        ]
    )
    ids = None if asked is None else [assistants[number] for number in asked]
    end = END + timedelta(microseconds=1) if is_open else END
    answer = oracle.answer(
        platform.calls,
        platform.assistants,
        organization=organization,
        asked={"instants": {"start": f"{START.isoformat()}Z", "end": f"{end.isoformat()}Z"}},
        assistant_ids=ids,
        now=NOW,
    )
    expected = [call["id"] for call in listed(answer, statuses, is_newest_first=True)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "BATCH_CALLS", size)
        batches = _exported(
            platform,
            ExportQuery(
                organization,
                Window(START, None if is_open else END),
                None if ids is None else tuple(sorted(set(ids))),
                None if statuses is None else tuple(sorted(set(statuses))),
            ),
        )

    assert [number for batch in batches for number in batch] == expected
    assert all(1 <= len(batch) <= size for batch in batches)


def test_what_is_written_meanwhile_is_not_in_it(
    any_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BATCH_CALLS", 2)
    platform = any_platform
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    starts = [START + timedelta(hours=number) for number in range(7)]
    platform.add_calls([{"assistant_id": assistant, "started_at": start} for start in starts])
    before = [call["id"] for call in reversed(platform.calls)]
    late = platform.call_row(assistant_id=assistant, started_at=START)

    async def export() -> list[int]:
        found: list[int] = []
        query = ExportQuery(organization, Window(START, END))
        async with aclosing(exported_calls(Server(platform.reader), query)) as batches:
            async for batch in batches:
                if not found:
                    await platform.execute(insert(Call), [late])
                found += [call.id for call in batch]
        return found

    assert platform.run(export()) == before
    batches = _exported(platform, ExportQuery(organization, Window(START, END)))
    assert late["id"] in [number for batch in batches for number in batch]
