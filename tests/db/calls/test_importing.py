"""Importing exports: three formats, bad rows, repetition, and other organizations' calls."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.organizations import find_organization
from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.importing import ImportTarget, import_calls
from call_analytics.db.calls.report import ImportReport
from call_analytics.db.calls.rows import CallRow
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.calls.store import StagedCall, create_assistant, store_calls
from call_analytics.db.engine import connect
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Assistant, Call, Organization
from tests.db.calls.exports import CALLS, CSV, csv_of, export_file, record_of
from tests.platform import NOW, Platform


def test_calls_are_imported_and_their_assistants_made(platform: Platform, tmp_path: Path) -> None:
    organization = platform.add_organization("acme")
    known = platform.add_assistant(organization, "Support Bot")

    report, bad_rows = _import(platform, export_file(tmp_path, CSV))

    assert (report.added, report.updated, report.rejected, bad_rows) == (2, 0, 0, [])
    assert _stored(platform) == [
        ("CA1", "Support Bot", organization, "completed", 300, datetime(2026, 3, 3, 12)),
        ("CA2", "Sales, Rep", organization, "busy", None, datetime(2026, 3, 4, 0, 0, 0, 1)),
    ]
    assert known in platform.run(_column(platform, Call.assistant_id))


def test_importing_twice_changes_nothing(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    path = export_file(tmp_path, CSV)
    _import(platform, path)
    before = _stored(platform)

    report, _ = _import(platform, path)

    assert (report.added, report.updated, report.rejected) == (0, 2, 0)
    assert _stored(platform) == before


def test_a_later_row_updates_the_call(platform: Platform, tmp_path: Path) -> None:
    organization = platform.add_organization("acme")
    text = CSV + "3,CA1,Night Bot,+1555,failed,7,2026-03-05T00:00:00,\n"

    report, _ = _import(platform, export_file(tmp_path, text))

    assert (report.added, report.updated) == (2, 1)
    assert _stored(platform)[0] == (
        "CA1",
        "Night Bot",
        organization,
        "failed",
        7,
        datetime(2026, 3, 5),
    )


def test_bad_rows_are_reported_and_the_rest_goes_in(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    text = CSV + "3,CA3,Bot,,completed,soon,,\n4,CA4,Bot,,completed,1,,\n5\n"

    report, bad_rows = _import(platform, export_file(tmp_path, text))

    assert (report.added, report.rejected) == (3, 2)
    assert bad_rows == [
        (4, "Duration (seconds) must be a whole number of seconds, not 'soon'"),
        (6, "1 columns, where the first line has 8"),
    ]


def test_strict_takes_all_or_nothing(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    path = export_file(tmp_path, CSV + "3,CA3,Bot,,completed,soon,,\n")

    with pytest.raises(OperatorError, match="1 of 3 rows are rejected"):
        _import(platform, path, strict=True)
    assert _stored(platform) == []

    report, _ = _import(platform, export_file(tmp_path, CSV), strict=True)
    assert report.added == 2


def test_another_organization_s_call_of_the_same_sid_is_another_call(
    platform: Platform, tmp_path: Path
) -> None:
    acme = platform.add_organization("acme")
    other = platform.add_organization("other")
    assistant = platform.add_assistant(other, "Other Bot")
    platform.add_calls([{"assistant_id": assistant, "call_sid": "CA1", "status": "ongoing"}])

    for added, updated in ((2, 0), (0, 2)):
        report, bad_rows = _import(platform, export_file(tmp_path, CSV))
        assert (report.added, report.updated, bad_rows) == (added, updated, [])
        assert {row[:4] for row in _stored(platform)} == {
            ("CA1", "Other Bot", other, "ongoing"),
            ("CA1", "Support Bot", acme, "completed"),
            ("CA2", "Sales, Rep", acme, "busy"),
        }


def test_a_single_line_may_hold_many_calls(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    records = [record_of(call, headings=False) for call in CALLS]

    report, _ = _import(platform, export_file(tmp_path, json.dumps([*records, 1, 2])))

    assert (report.added, report.rejected) == (2, 2)


def test_batches_make_no_difference(platform: Platform, tmp_path: Path) -> None:
    platform.add_organization("acme")
    calls = [CALLS[number % 2]._replace(call_sid=f"CA{number % 50}") for number in range(120)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("call_analytics.db.calls.importing.BATCH_ROWS", 7)
        report, _ = _import(platform, export_file(tmp_path, csv_of(calls)))

    assert (report.added, report.updated, report.rejected) == (50, 70, 0)
    assert len(_stored(platform)) == 50


@pytest.fixture
def postgres_platform(postgres_url: str, runner: asyncio.Runner) -> Iterator[Platform]:
    """Two organizations on PostgreSQL, where many write at a time."""
    platform = Platform(postgres_url, runner)
    platform.add_organization("acme")
    platform.add_organization("other")
    yield platform
    platform.close()


@pytest.mark.parametrize("is_committed", [True, False])
def test_calls_that_another_organization_is_just_adding_are_not_waited_for(
    postgres_platform: Platform, tmp_path: Path, is_committed: bool
) -> None:
    platform = postgres_platform
    path = export_file(tmp_path, csv_of(_numbered(20)))

    async def race() -> ImportReport:
        async with connect(platform.writer) as other, other.begin() as others_transaction:
            await _store_as(other, "other", _numbered(20)[7:12])
            async with asyncio.timeout(60):
                report = await _start(platform, path, "acme", [])
            await (others_transaction.commit if is_committed else others_transaction.rollback)()
            return report

    report = platform.run(race())

    assert (report.added, report.updated, report.rejected) == (20, 0, 0)
    assert _owners(platform) == {"acme": 20} | ({"other": 5} if is_committed else {})


def test_two_organizations_import_the_same_calls_at_once(
    platform: Platform, tmp_path: Path
) -> None:
    """Each owns all of its own, new and again."""
    calls = _numbered(300)
    slugs = ("acme", "other")
    paths = [tmp_path / slug for slug in slugs]
    for slug, path, order in zip(slugs, paths, (1, -1), strict=True):
        platform.add_organization(slug)
        path.write_text(csv_of(calls[::order]))

    async def race() -> list[ImportReport]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("call_analytics.db.calls.importing.BATCH_ROWS", 50)
            imports = [
                _start(platform, path, slug, []) for path, slug in zip(paths, slugs, strict=True)
            ]
            return list(await asyncio.gather(*imports))

    for added, updated in ((300, 0), (0, 300)):
        for report in platform.run(race()):
            assert (report.added, report.updated, report.rejected) == (added, updated, 0)
        assert _owners(platform) == {"acme": 300, "other": 300}


@pytest.mark.parametrize("is_rolled_back", [False, True])
def test_two_imports_of_one_organization_make_an_assistant_once(
    postgres_platform: Platform, tmp_path: Path, is_rolled_back: bool
) -> None:
    """The first has made the assistant, and waits for a third transaction, as the second begins."""
    platform = postgres_platform
    path = export_file(tmp_path, csv_of(_numbered(20)))
    first_path = tmp_path / "first"
    first_path.write_text(path.read_text() + "bad\n" * is_rolled_back)

    async def race() -> tuple[ImportReport | BaseException, ImportReport]:
        async with connect(platform.writer) as third, third.begin() as blocker:
            await _store_as(third, "acme", [_numbered(20)[3]])
            first = asyncio.create_task(_start(platform, first_path, "acme", [], strict=True))
            await _until_blocked(platform, 1)
            second = asyncio.create_task(_start(platform, path, "acme", []))
            await _until_blocked(platform, 2)
            await blocker.rollback()
            [outcome] = await asyncio.gather(first, return_exceptions=True)
            return outcome, await second

    outcome, report = platform.run(race())

    assert isinstance(outcome, OperatorError if is_rolled_back else ImportReport)
    assert (report.added, report.updated, report.rejected) == (
        (20, 0, 0) if is_rolled_back else (0, 20, 0)
    )
    assert platform.run(_column(platform, Assistant.name)) == ["Support Bot"]
    assert _owners(platform) == {"acme": 20}


def _import(
    platform: Platform, path: Path, *, strict: bool = False
) -> tuple[ImportReport, list[tuple[int, str]]]:
    bad_rows: list[tuple[int, str]] = []
    report = platform.run(_start(platform, path, "acme", bad_rows, strict=strict))
    return report, bad_rows


async def _start(
    platform: Platform,
    path: Path,
    slug: str,
    bad_rows: list[tuple[int, str]],
    *,
    strict: bool = False,
) -> ImportReport:
    return await import_calls(
        platform.writer,
        CallFile(path),
        ImportTarget(slug, strict=strict),
        columns=Columns(),
        clock=lambda: NOW,
        on_reject=lambda reject: bad_rows.append((reject.line, reject.reason)),
        on_progress=lambda _report: None,
    )


def _numbered(count: int) -> list[CallRow]:
    return [CALLS[0]._replace(call_sid=f"CA{number:05}") for number in range(count)]


async def _store_as(connection: AsyncConnection, slug: str, calls: list[CallRow]) -> None:
    """Store calls of an organization, in a transaction that stays open."""
    organization_id = await find_organization(connection, slug)
    assistant_id = await create_assistant(connection, organization_id, "Other Bot")
    staged = [
        StagedCall(
            number=number,
            call_sid=call.call_sid,
            assistant_id=assistant_id,
            to_phone_number="",
            customer_phone_number="",
            status=call.status,
            duration=call.duration,
            started_at=call.started_at,
            ended_at=call.ended_at,
        )
        for number, call in enumerate(calls)
    ]
    await store_calls(connection, organization_id, staged)


async def _until_blocked(platform: Platform, count: int) -> None:
    """Wait until so many transactions of the test's database wait for another."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(60), connect(platform.reader) as connection:
        while await connection.scalar(waiting) != count:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


def _owners(platform: Platform) -> dict[str, int]:
    """How many calls each organization has, by its slug; its assistants are its own."""

    async def read() -> dict[str, int]:
        async with connect(platform.reader) as connection:
            rows = await connection.execute(
                select(Organization.slug, func.count())
                .join(Assistant, Assistant.organization_id == Organization.id)
                .join(Call, Call.assistant_id == Assistant.id)
                .where(Call.organization_id == Organization.id)
                .group_by(Organization.slug)
            )
            return dict(rows.all())

    return dict(platform.run(read()))


def _stored(platform: Platform) -> list[tuple[Any, ...]]:
    async def read() -> list[tuple[Any, ...]]:
        async with connect(platform.reader) as connection:
            rows = await connection.execute(
                select(
                    Call.call_sid,
                    Assistant.name,
                    Assistant.organization_id,
                    Call.status,
                    Call.duration,
                    Call.started_at,
                )
                .join(Assistant)
                .order_by(Call.call_sid)
            )
            return [tuple(row) for row in rows]

    return list(platform.run(read()))


async def _column(platform: Platform, column: Any) -> list[Any]:
    async with connect(platform.reader) as connection:
        return list(await connection.scalars(select(column)))
