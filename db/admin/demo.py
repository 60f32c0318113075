"""Demo data: a few organizations with believable assistants, call patterns and failures.

A call depends on the seed, its assistant and its day only, so the same seed always makes the same
calls, and a database made last month is brought up to the present by adding what came since.

Keys are stored as hashes only. The demo's key is an exception, because it must stay the same: it is
also kept as it is, in a table of the demo's own, which the service never reads. The table is what
makes a database a demo.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import NamedTuple

from sqlalchemy import Column, MetaData, String, Table, delete, func, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.keys import create_key, hash_key, key_owner
from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.organizations import (
    create_organization,
    find_organization,
    organization_slugs,
)
from call_analytics.db.calls.store import (
    StagedCall,
    assistants_by_name,
    create_assistant,
    store_calls,
)
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Call

DEMO_FILE = "demo.db"
"""In the working directory; not the service's default, so that one's own calls are not in it."""
DEMO_DAYS = 120
DEMO_SEED = 1
DEMO_KEY_NAME = "demo"
LONGEST_CALL = timedelta(minutes=45)

# Not one of the service's tables, so none of their metadata.
DEMO_KEY = Table("demo_key", MetaData(), Column("key", String(64), primary_key=True))

WEEKDAY_WEIGHTS = (1.1, 1.05, 1.0, 1.05, 1.15, 0.45, 0.35)
OFFICE_HOURS = (0, 0, 0, 0, 0, 0, 1, 3, 7, 10, 11, 10, 7, 8, 10, 10, 9, 6, 3, 2, 1, 1, 0, 0)
ALL_HOURS = (3, 2, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 8, 8, 9, 9, 9, 9, 8, 8, 7, 6, 5, 4)
EVENINGS = (1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 4, 5, 6, 8, 10, 11, 10, 7, 4, 2, 1)


@dataclass(frozen=True, slots=True)
class DemoAssistant:
    """How one assistant's calls look."""

    name: str
    calls_per_day: float
    mean_seconds: float
    success: float
    """The share of its calls that are completed."""
    hours: tuple[int, ...]
    """The weight of each UTC hour."""
    is_active: bool = True
    failed: float = 0.45
    """The share of the others that failed; nobody took those that are left."""


@dataclass(frozen=True, slots=True)
class DemoOrganization:
    """A tenant of the demo."""

    slug: str
    name: str
    assistants: tuple[DemoAssistant, ...]


DEMO_ORGANIZATIONS = (
    DemoOrganization(
        "northwind-clinics",
        "Northwind Clinics",
        (
            DemoAssistant("Appointment Desk", 185, 140, 0.89, OFFICE_HOURS),
            DemoAssistant("Prescription Line", 110, 95, 0.92, OFFICE_HOURS),
            DemoAssistant("Night Nurse", 48, 260, 0.84, ALL_HOURS),
            DemoAssistant("Reminder Calls", 92, 45, 0.71, EVENINGS),
            DemoAssistant("Billing Questions", 41, 210, 0.86, OFFICE_HOURS),
            DemoAssistant("Insurance Checks", 37, 120, 0.54, OFFICE_HOURS, failed=0.8),
            DemoAssistant("Winter Campaign", 6, 80, 0.62, EVENINGS, is_active=False),
        ),
    ),
    DemoOrganization(
        "harbour-logistics",
        "Harbour Logistics",
        (
            DemoAssistant("Track and Trace", 120, 70, 0.93, ALL_HOURS),
            DemoAssistant("Driver Hotline", 64, 165, 0.88, ALL_HOURS),
            DemoAssistant("Customs Desk", 22, 320, 0.81, OFFICE_HOURS),
            DemoAssistant("Pickup Booking", 58, 120, 0.9, OFFICE_HOURS),
        ),
    ),
    DemoOrganization(
        "bluebird-insurance",
        "Bluebird Insurance",
        (
            DemoAssistant("Claims Intake", 62, 380, 0.83, OFFICE_HOURS),
            DemoAssistant("Roadside Help", 34, 230, 0.87, ALL_HOURS),
            DemoAssistant("Renewals", 45, 150, 0.69, EVENINGS),
        ),
    ),
    DemoOrganization(
        "little-bakery",
        "Little Bakery",
        (DemoAssistant("Order Line", 14, 75, 0.9, OFFICE_HOURS),),
    ),
)


class Demo(NamedTuple):
    """A demo database that is ready to be shown."""

    key: str
    organization_name: str
    added: int
    """Calls that were added now."""


async def prepare_demo(
    connection: AsyncConnection, now: datetime, *, seed: int = DEMO_SEED
) -> Demo:
    """Fill an empty database, or bring an older demo up to ``now``.

    The key is that of the earlier demo while it is valid. Everything happens in the current
    transaction.

    Raises:
        OperatorError: where the database is not managed, or holds anything but a demo.
    """
    await require_managed(connection)
    slugs = await organization_slugs(connection)
    if slugs and not await connection.run_sync(lambda sync: inspect(sync).has_table(DEMO_KEY.name)):
        raise OperatorError(
            f"{DEMO_FILE} holds data that is no demo, and is left alone; move the file elsewhere"
        )
    await connection.run_sync(DEMO_KEY.create, checkfirst=True)
    added = 0
    for organization in DEMO_ORGANIZATIONS:
        if organization.slug not in slugs:
            await create_organization(connection, organization.slug, organization.name)
        added += await _add_calls(connection, organization, now, seed)
    shown = DEMO_ORGANIZATIONS[0]
    return Demo(await _demo_key(connection, shown), shown.name, added)


async def _demo_key(connection: AsyncConnection, organization: DemoOrganization) -> str:
    """The key of the demo; a new one where there is none, or it has been revoked."""
    kept = await connection.scalar(select(DEMO_KEY.c.key))
    if kept is not None and await key_owner(connection, hash_key(kept)) is not None:
        return str(kept)
    key = await create_key(connection, organization.slug, DEMO_KEY_NAME)
    await connection.execute(delete(DEMO_KEY))
    await connection.execute(insert(DEMO_KEY).values(key=key))
    return key


async def _add_calls(
    connection: AsyncConnection, organization: DemoOrganization, now: datetime, seed: int
) -> int:
    organization_id = await find_organization(connection, organization.slug)
    ids = await assistants_by_name(connection, organization_id)
    for assistant in organization.assistants:
        if assistant.name not in ids:
            ids[assistant.name] = await create_assistant(
                connection, organization_id, assistant.name, is_active=assistant.is_active
            )
    newest = await connection.scalar(
        select(func.max(Call.started_at)).where(Call.organization_id == organization_id)
    )
    until = now.astimezone(UTC).replace(tzinfo=None)
    since = until - timedelta(days=DEMO_DAYS)
    if newest is not None:  # calls that were ongoing then have ended since
        since = max(since, newest - LONGEST_CALL)
    calls = [
        call
        for assistant in organization.assistants
        for call in _calls(assistant, ids[assistant.name], since, until, seed)
    ]
    numbered = [call._replace(number=number) for number, call in enumerate(calls)]
    return await store_calls(connection, organization_id, numbered)


def _calls(
    assistant: DemoAssistant, assistant_id: int, since: datetime, until: datetime, seed: int
) -> Iterator[StagedCall]:
    day = since.date()
    while day <= until.date():
        for call in _day(assistant, assistant_id, day, seed):
            assert call.started_at is not None
            if since <= call.started_at <= until:
                yield _as_seen_at(until, call)
        day += timedelta(days=1)


def _day(assistant: DemoAssistant, assistant_id: int, day: date, seed: int) -> Iterator[StagedCall]:
    name = f"{seed}/{assistant.name}/{day}"
    random = Random(name)  # noqa: S311 - demo data
    expected = assistant.calls_per_day * WEEKDAY_WEIGHTS[day.weekday()]
    count = max(0, round(random.gauss(expected, expected**0.5)))
    number = f"+1555{int(hashlib.sha256(assistant.name.encode()).hexdigest(), 16) % 10**7:07}"
    failures = 1 - assistant.success
    missed = failures * (1 - assistant.failed)
    statuses = ("completed", "failed", "no-answer", "busy", "canceled")
    weights = (
        assistant.success,
        failures * assistant.failed,
        missed * 0.6,
        missed * 0.3,
        missed * 0.1,
    )
    for index in range(count):
        hour = random.choices(range(24), assistant.hours)[0]
        started_at = datetime.combine(day, time(hour)) + timedelta(seconds=random.random() * 3600)
        status = random.choices(statuses, weights)[0]
        seconds = random.lognormvariate(0, 0.6) * assistant.mean_seconds
        longest = LONGEST_CALL.total_seconds()
        duration = {
            "completed": round(min(max(seconds, 8), longest)),
            "failed": round(random.random() * 20),
        }.get(status)
        yield StagedCall(
            number=0,
            call_sid=f"CA{hashlib.sha256(f'{name}/{index}'.encode()).hexdigest()[:32]}",
            assistant_id=assistant_id,
            to_phone_number=number,
            customer_phone_number=f"+1555{random.randrange(10**7):07}",
            status=status,
            duration=duration,
            started_at=started_at,
            ended_at=started_at + timedelta(seconds=duration or 0),
        )


def _as_seen_at(now: datetime, call: StagedCall) -> StagedCall:
    """A call that has not ended yet is ongoing, and its duration is not known."""
    if call.ended_at is not None and call.ended_at > now:
        return call._replace(status="ongoing", duration=None, ended_at=None)
    return call
