"""Migrations: the revisions make the models' tables, and what is not ours is left alone."""

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import create_engine, parse_database_url, transaction
from db.errors import OperatorError
from db.migrate import (
    DatabaseState,
    database_state,
    prepare_to_serve,
    require_managed,
    upgrade,
)
from db.models import Base
from db.ownership import VERSION_TABLE
from tests.platform import Platform
from tests.tenants import Tenant


def test_the_revisions_make_the_tables_of_the_models(platform: Platform) -> None:
    models = Base.metadata.tables

    def differences(connection: Any) -> list[Any]:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "include_name": lambda name, kind, _parents: kind != "table" or name in models,
        }
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    async def compare() -> list[Any]:
        async with transaction(platform.writer) as connection:
            return await connection.run_sync(differences)

    assert platform.run(compare()) == []


def test_upgrading_twice_changes_nothing(platform: Platform, tenant: Tenant) -> None:
    assert tenant.assistants
    before = _in_transaction(platform, _all_rows)

    _in_transaction(platform, upgrade)

    assert _in_transaction(platform, database_state) is DatabaseState.MANAGED
    assert _in_transaction(platform, _all_rows) == before
    assert len(before["calls"]) == len(platform.calls) > 0
    assert {"call_rollups", "call_rollups_state", VERSION_TABLE} < set(before)


def test_a_database_without_tables_is_empty(tmp_path: Any, runner: asyncio.Runner) -> None:
    platform = Platform(f"sqlite:///{tmp_path}/new.db", runner)

    assert _in_transaction(platform, database_state) is DatabaseState.EMPTY
    with pytest.raises(OperatorError, match="call-analytics db upgrade"):
        _in_transaction(platform, require_managed)
    platform.close()


def test_an_embedded_database_is_created_when_it_is_served(
    tmp_path: Any, runner: asyncio.Runner
) -> None:
    database = create_engine(parse_database_url(f"sqlite:///{tmp_path}/new.db"), read_only=False)

    assert runner.run(prepare_to_serve(database)) is DatabaseState.MANAGED
    runner.run(database.dispose())


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (f"UPDATE {VERSION_TABLE} SET version_num = '9999'", DatabaseState.NEWER),
        (f"DROP TABLE {VERSION_TABLE}", DatabaseState.ATTACHED),
        (f"DROP TABLE {VERSION_TABLE}; DROP TABLE calls", DatabaseState.INCOMPLETE),
    ],
)
def test_a_database_that_is_not_ours_is_not_changed(
    platform: Platform, change: str, state: DatabaseState
) -> None:
    for statement in change.split("; "):
        platform.run(platform.execute(text(statement)))

    assert _in_transaction(platform, database_state) is state
    with pytest.raises(OperatorError):
        _in_transaction(platform, require_managed)
    with pytest.raises(OperatorError, match=r"leaves them alone|newer than this release"):
        _in_transaction(platform, upgrade)


async def _all_rows(connection: AsyncConnection) -> dict[str, list[str]]:
    """Every row of every table."""
    tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    return {
        table: sorted(map(repr, await connection.execute(text(f"SELECT * FROM {table}"))))
        for table in tables
    }


def _in_transaction(platform: Platform, work: Any) -> Any:
    async def run() -> Any:
        async with transaction(platform.writer) as connection:
            return await work(connection)

    return platform.run(run())
