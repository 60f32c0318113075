"""Demo data: believable, the same for a seed, and brought up to the present."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from call_analytics.db.admin.demo import DEMO_DAYS, DEMO_ORGANIZATIONS, Demo, prepare_demo
from call_analytics.db.admin.keys import KeyOwner, hash_key, key_owner, revoke_key
from call_analytics.db.admin.organizations import find_organization
from call_analytics.db.engine import connect, read, transaction
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Call, UserApiKey
from tests.platform import NOW, Platform

SHORT_DAYS = 7


@pytest.fixture
def few_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short demo, where its length plays no part."""
    monkeypatch.setattr("call_analytics.db.admin.demo.DEMO_DAYS", SHORT_DAYS)


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # README's is on SQLite
def test_an_empty_database_is_filled(platform: Platform) -> None:
    demo = _prepare(platform, NOW)
    calls = _calls(platform)

    assert demo.added == len(calls)
    assert 80_000 < len(calls) < 120_000
    assert len({call.assistant_id for call in calls}) == sum(
        len(organization.assistants) for organization in DEMO_ORGANIZATIONS
    )
    moments = sorted(call.started_at for call in calls)
    now = NOW.replace(tzinfo=None)
    assert now - timedelta(days=DEMO_DAYS) <= moments[0]
    assert now - timedelta(hours=1) < moments[-1] <= now
    assert len({moment.date() for moment in moments}) == DEMO_DAYS + 1
    statuses = Counter(call.status for call in calls)
    assert set(statuses) == {"completed", "failed", "busy", "no-answer", "canceled", "ongoing"}
    assert 0.75 < statuses["completed"] / len(calls) < 0.95
    for call in calls:
        if call.status == "ongoing":
            assert call.duration is None
            assert call.started_at > now - timedelta(hours=1)


@pytest.mark.usefixtures("few_days")
def test_the_key_opens_the_first_organization_and_stays(platform: Platform) -> None:
    first, second = _prepare(platform, NOW), _prepare(platform, NOW)

    assert first.key == second.key
    owner = _owner(platform, first.key)
    assert owner is not None
    assert owner.organization_id == platform.run(_organization(platform, "northwind-clinics"))
    assert platform.run(_count(platform, UserApiKey.id)) == 1


@pytest.mark.usefixtures("few_days")
def test_a_demo_whose_key_was_revoked_gets_another(platform: Platform) -> None:
    first = _prepare(platform, NOW)
    platform.run(_revoke(platform, 1))

    second, third = _prepare(platform, NOW), _prepare(platform, NOW)

    assert first.key != second.key == third.key
    assert _owner(platform, first.key) is None
    assert _owner(platform, second.key) is not None


@pytest.mark.usefixtures("few_days")
def test_an_older_demo_is_brought_up_to_the_present(platform: Platform) -> None:
    """Day by day or at once, the same calls come out."""
    for days_ago in (5, 4, 0):
        _prepare(platform, NOW - timedelta(days=days_ago, minutes=days_ago * 7))
    in_steps = {call[1:] for call in _calls(platform)}

    platform.clear()
    _prepare(platform, NOW)
    at_once = {call[1:] for call in _calls(platform)}

    since = (NOW - timedelta(days=SHORT_DAYS - 1)).replace(tzinfo=None)
    assert _from(in_steps, since) == _from(at_once, since)


@pytest.mark.usefixtures("few_days")
def test_another_seed_makes_other_calls(platform: Platform) -> None:
    _prepare(platform, NOW, seed=1)
    first = {call.call_sid for call in _calls(platform)}
    platform.clear()
    _prepare(platform, NOW, seed=2)

    assert not first & {call.call_sid for call in _calls(platform)}


def test_data_that_is_no_demo_is_left_alone(platform: Platform) -> None:
    platform.add_organization("acme")

    with pytest.raises(OperatorError, match="left alone"):
        _prepare(platform, NOW)
    assert _calls(platform) == []


def _prepare(platform: Platform, now: datetime, **options: Any) -> Demo:
    async def run() -> Demo:
        async with transaction(platform.writer) as connection:
            return await prepare_demo(connection, now, **options)

    demo = platform.run(run())
    assert isinstance(demo, Demo)
    return demo


def _calls(platform: Platform) -> list[Any]:
    async def read() -> list[Any]:
        async with connect(platform.reader) as connection:
            rows = await connection.execute(
                select(
                    Call.assistant_id, Call.call_sid, Call.status, Call.duration, Call.started_at
                )
            )
            return list(rows)

    return list(platform.run(read()))


def _from(calls: set[Any], since: datetime) -> set[Any]:
    return {call for call in calls if call[-1] >= since}


async def _count(platform: Platform, column: Any) -> int | None:
    async with connect(platform.reader) as connection:
        return await connection.scalar(select(func.count(column)))


async def _organization(platform: Platform, slug: str) -> int:
    async with connect(platform.reader) as connection:
        return await find_organization(connection, slug)


async def _revoke(platform: Platform, key_id: int) -> None:
    async with transaction(platform.writer) as connection:
        await revoke_key(connection, key_id)


def _owner(platform: Platform, key: str) -> KeyOwner | None:
    found: KeyOwner | None = platform.run(
        read(platform.reader, lambda connection: key_owner(connection, hash_key(key)))
    )
    return found
