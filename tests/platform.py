"""A calling platform in miniature: a real database, filled row by row for one test."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine, MetaData, Table, delete, event, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.keys import generate_key, hash_key
from call_analytics.db.dialects import backend_of
from call_analytics.db.engine import create_engine, transaction
from call_analytics.db.figures.reader import FigureReader
from call_analytics.db.models import Assistant, Base, Call, Organization, User, UserApiKey
from call_analytics.db.shape import Shape, shape_of
from call_analytics.db.tenant import Tenancy
from tests import oracle

T = TypeVar("T")

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PERIOD_DAYS = {"1d": 1, "7d": 7, "30d": 30, "90d": 90}


class Platform:
    """The rows of a test, in the database and, for the oracle, in memory."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self.url = url
        self._runner = runner
        self.writer = create_engine(parse_database_url(url), read_only=False)
        self.reader = create_engine(parse_database_url(url), read_only=True)
        self.figures = FigureReader(self.reader)
        self.raw_figures = FigureReader(self.reader, may_use_rollups=False)
        self.assistants: list[oracle.Row] = []
        self.calls: list[oracle.Row] = []
        self._shape: Shape | None = None
        self._ids = iter(range(1_000_001, 2_000_000))  # far from where sequences begin

    def run(self, work: Any) -> Any:
        """Await something, on the loop to which the test's own engines belong."""
        return run_on(self._runner, work)

    def next_id(self) -> int:
        """An id that no row has yet."""
        return next(self._ids)

    def moved_to(self, url: str) -> "Platform":
        """The same rows, in a copy of the database."""
        moved = Platform(url, self._runner)
        moved.assistants, moved.calls, moved._ids = self.assistants, self.calls, self._ids
        return moved

    def close(self) -> None:
        """Close the connections."""
        self.run(self.writer.dispose())
        self.run(self.reader.dispose())

    def clear(self) -> None:
        """Delete every row."""
        self.assistants.clear()
        self.calls.clear()
        self.run(self._clear())

    def add_organization(self, slug: str | None = None, *, is_active: bool = True) -> int:
        """An organization with one user; returns its id, which is its user's id too."""
        number = self.next_id()
        slug = slug or f"organization-{number}"
        self.insert(Organization, id=number, name=slug.title(), slug=slug, is_active=is_active)
        self.insert(
            User, id=number, organization_id=number, email=f"{number}@example.org", full_name="Ada"
        )
        return number

    def add_key(self, organization_id: int, **columns: Any) -> str:
        """A key of an organization."""
        key = generate_key()
        self.insert(UserApiKey, **key_row(organization_id, key), **columns)
        return key

    def add_assistant(self, organization_id: int, name: str | None = None, **columns: Any) -> int:
        """An assistant of an organization; returns its id."""
        row = self._assistant_row(organization_id, name, **columns)
        self.insert(Assistant, **row)
        self.assistants.append(row)
        return int(row["id"])

    def add_assistants(self, organization_id: int, count: int) -> list[int]:
        """So many assistants of an organization; returns their ids."""
        rows = [self._assistant_row(organization_id) for _ in range(count)]
        self.run(self.execute(insert(Assistant), rows))
        self.assistants += rows
        return [row["id"] for row in rows]

    def _assistant_row(
        self, organization_id: int, name: str | None = None, **columns: Any
    ) -> oracle.Row:
        number = columns.setdefault("id", self.next_id())
        row = {"organization_id": organization_id, "user_id": organization_id} | columns
        return row | {"name": name or f"Assistant {number}"}

    def add_calls(self, calls: Sequence[oracle.Row]) -> None:
        """Calls; what a row leaves out is filled in."""
        rows = [self.call_row(**call) for call in calls]
        self.calls += rows
        if rows:
            self.run(self.execute(insert(Call), rows))

    def call_row(self, **columns: Any) -> oracle.Row:
        """A whole row of ``calls``, with the organization where the table has it."""
        row = call_row(self.next_id(), **columns)
        if "organization_id" not in row and self.tenancy() is Tenancy.BY_ORGANIZATION:
            (its,) = (one for one in self.assistants if one["id"] == row["assistant_id"])
            row["organization_id"] = its["organization_id"]
        return row

    def tenancy(self) -> Tenancy:
        """What calls have here, as it was when it was first looked at."""
        return self.shape().tenancy

    def shape(self) -> Shape:
        """The database's, as it was when it was first looked at."""

        async def look() -> Shape:
            async with self.reader.connect() as connection:
                return await connection.run_sync(shape_of)

        if self._shape is None:
            self._shape = self.run(look())
        return self._shape

    def replace_calls(self, rows: list[oracle.Row]) -> None:
        """Delete all calls and insert these whole rows, in their order, under new ids."""
        self.run(self.execute(delete(Call)))
        self.calls = [row | {"id": self.next_id()} for row in rows]
        if rows:
            self.run(self.execute(insert(Call), self.calls))

    def insert(self, model: type[Base], **row: Any) -> None:
        """One row of any table."""
        self.run(self.execute(insert(model), [row]))

    def expected(
        self, organization_id: int, period: str, *, now: datetime = NOW, limit: int = 10
    ) -> oracle.Row:
        """What the oracle says."""
        return oracle.analytics(
            self.calls,
            self.assistants,
            organization_id,
            PERIOD_DAYS[period],
            now.replace(tzinfo=None),
            limit,
        )

    @contextmanager
    def locked(self, organization_id: int) -> Iterator[None]:
        """Keep a lock on an organization, on PostgreSQL, until the end of the block."""
        blocker: AsyncConnection = self.run(self._lock(organization_id))
        try:
            yield
        finally:
            self.run(blocker.close())

    async def _lock(self, organization_id: int) -> AsyncConnection:
        blocker = await self.writer.connect()
        locked = select(Organization.id).where(Organization.id == organization_id)
        await blocker.execute(locked.with_for_update())
        return blocker

    async def execute(self, statement: Any, rows: list[oracle.Row] | None = None) -> None:
        """Run one statement, in a transaction of its own."""
        async with transaction(self.writer) as connection:
            await connection.execute(statement, rows)

    async def _clear(self) -> None:
        async with transaction(self.writer) as connection:
            for table in reversed(Base.metadata.sorted_tables):
                await connection.execute(delete(table))


def run_on(runner: asyncio.Runner, work: Any) -> Any:
    """Await something on a loop, also where that of a browser runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return runner.run(work)
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(runner.run, work).result()


def key_row(organization_id: int, key: str) -> oracle.Row:
    """A row of ``user_api_keys``."""
    return {
        "user_id": organization_id,
        "name": "test",
        "key_hash": hash_key(key),
        "key_prefix": key[:12],
    }


def call_row(number: int, **columns: Any) -> oracle.Row:
    """A whole row of ``calls``."""
    return {
        "id": number,
        "call_sid": f"CA{number}",
        "to_phone_number": "+15550001",
        "customer_phone_number": "+15550002",
        "status": "completed",
        "duration": 60,
        "started_at": (NOW - timedelta(hours=1)).replace(tzinfo=None),
        "ended_at": None,
        "call_meta": None,
    } | columns


def add_many_calls(platform: Platform, assistants: Sequence[int], count: int) -> None:
    """Calls of every kind in the last ninety days, in one bulk load."""
    statuses = ("completed", "failed", "ongoing", "busy", "completed")
    rows = [
        platform.call_row(
            assistant_id=assistants[number % len(assistants)],
            status=statuses[number % 5],
            duration=(None, 0, 30, 61)[number % 4],
            started_at=NOW.replace(tzinfo=None) - timedelta(seconds=number * 7919 % 7_700_000),
        )
        for number in range(count)
    ]
    platform.calls += rows

    async def load() -> None:
        async with transaction(platform.writer) as connection:
            table = await connection.run_sync(
                lambda sync: Table("calls", MetaData(), autoload_with=sync, resolve_fks=False)
            )
            names = table.columns.keys()
            values = [tuple(map(row.get, names)) for row in rows]
            await backend_of(connection.dialect).bulk_insert(connection, table, values)

    platform.run(load())


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """The SQL of every statement that any engine of this process executes meanwhile."""
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)
