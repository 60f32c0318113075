"""Whose a call is: in a managed database it says so, in an attached one its assistant does."""

from typing import Any

import pytest
from sqlalchemy import insert, text, update

from call_analytics.db.errors import DatabaseUnavailable
from call_analytics.db.models import VERSION_TABLE, Call
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.tenant import Tenancy, tenancy_of
from tests.conftest import ATTACHED_FILE
from tests.db.rollups.agreement import assert_agreement, read
from tests.platform import Platform, recorded_statements


def two_organizations(platform: Platform) -> list[int]:
    """Two organizations with calls."""
    organizations = [platform.add_organization() for _ in range(2)]
    for number, organization in enumerate(organizations, start=1):
        assistant = platform.add_assistant(organization)
        platform.add_calls([{"assistant_id": assistant}] * number)
    return organizations


async def look(platform: Platform) -> Tenancy:
    """What calls have now."""
    async with platform.reader.connect() as connection:
        return await connection.run_sync(tenancy_of)


async def sql_of(platform: Platform, organization: int) -> str:
    """The last statement of an answer from calls."""
    with recorded_statements() as statements:
        await read(platform, organization, raw=True)
    return statements[-1]


def test_calls_of_a_managed_database_have_their_organization(platform: Platform) -> None:
    here, there = two_organizations(platform)

    assert platform.run(look(platform)) is Tenancy.BY_ORGANIZATION
    assert platform.run(assert_agreement(platform, [here, there])) == [True, True]
    assert "calls.organization_id =" in platform.run(sql_of(platform, here))


def test_calls_of_an_attached_database_have_their_assistant(rolled_up: Platform) -> None:
    here, there = two_organizations(rolled_up)

    assert rolled_up.run(look(rolled_up)) is Tenancy.BY_ASSISTANT
    assert rolled_up.run(assert_agreement(rolled_up, [here, there])) == [True, True]
    assert "calls.organization_id" not in rolled_up.run(sql_of(rolled_up, here))


@pytest.mark.parametrize("type_", ["integer", "integer NOT NULL DEFAULT 7"])
def test_a_column_of_that_name_that_a_platform_has_is_none_of_ours(
    rolled_up: Platform, type_: str
) -> None:
    add = text(f"ALTER TABLE calls ADD COLUMN organization_id {type_}")
    rolled_up.run(rolled_up.execute(add))
    organizations = two_organizations(rolled_up)

    assert rolled_up.run(look(rolled_up)) is Tenancy.BY_ASSISTANT
    assert rolled_up.run(assert_agreement(rolled_up, organizations)) == [True, True]


@pytest.mark.parametrize("change", [insert, update])
def test_a_call_of_another_organization_s_assistant_is_refused(
    platform: Platform, change: Any
) -> None:
    here, there = two_organizations(platform)
    if change is insert:
        row = platform.call_row(assistant_id=platform.assistants[0]["id"])
        statement = insert(Call).values(row | {"organization_id": there})
    else:
        statement = update(Call).values(organization_id=there)

    with pytest.raises(DatabaseUnavailable, match=r"(?i)foreign key constraint"):
        platform.run(platform.execute(statement))

    assert platform.run(assert_agreement(platform, [here, there])) == [True, True]


def test_a_call_without_an_organization_is_refused_in_clear_words(platform: Platform) -> None:
    two_organizations(platform)
    row = platform.call_row(assistant_id=platform.assistants[0]["id"])
    del row["organization_id"]

    with pytest.raises(DatabaseUnavailable) as refusal:
        platform.run(platform.execute(insert(Call).values(row)))

    assert "organization_id" in str(refusal.value)
    assert "constraint" in str(refusal.value)


def test_one_sid_is_one_call_of_each_organization(platform: Platform) -> None:
    organizations = two_organizations(platform)
    calls = [{"assistant_id": one["id"], "call_sid": "CA"} for one in platform.assistants]
    platform.add_calls(calls)

    assert platform.run(assert_agreement(platform, organizations)) == [True, True]
    with pytest.raises(DatabaseUnavailable, match=r"(?i)unique"):
        platform.add_calls(calls[:1])


def test_a_database_that_becomes_another_is_read_right_at_once(platform: Platform) -> None:
    """Nothing that was remembered of calls with organizations makes an answer wrong."""
    here, there = two_organizations(platform)
    platform.run(fold_rollups(platform.writer))
    platform.run(assert_agreement(platform, [here, there]))
    calls = [
        {name: value for name, value in call.items() if name != "organization_id"}
        for call in platform.calls
    ]
    statements = ATTACHED_FILE.split(";")
    if platform.reader.dialect.name == "postgresql":
        drop = "ALTER TABLE calls DROP COLUMN organization_id CASCADE"
        statements = [f"DROP TABLE {VERSION_TABLE}", drop]
    for statement in statements:
        platform.run(platform.execute(text(statement)))
    if platform.reader.dialect.name == "sqlite":
        platform.run(platform.execute(insert(Call), calls))

    platform.run(assert_agreement(platform, [here, there]))

    assert platform.run(look(platform)) is Tenancy.BY_ASSISTANT
