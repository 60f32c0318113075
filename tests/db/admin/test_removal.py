"""Removing an organization in several transactions, beside others who write."""

from typing import Any

import pytest
from sqlalchemy import func, select

from call_analytics.db.admin.organizations import OrganizationListing, organization_named
from call_analytics.db.admin.removal import remove_organization
from call_analytics.db.engine import connect
from call_analytics.db.errors import OperatorError
from call_analytics.db.models import Call, UserApiKey
from call_analytics.db.rollups.differences import Difference
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.layout import assistant_sums, organization_sums, rollup_log
from tests.conftest import in_parts_too
from tests.db.rollups.agreement import differences
from tests.platform import Platform, recorded_statements


class Cut(Exception):  # noqa: N818
    """Something that ends a removal in the middle."""


@pytest.fixture
def acme(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """An organization with 17 calls of two assistants, of which ten go at a time, and another."""
    monkeypatch.setattr("call_analytics.db.admin.removal.BATCH_CALLS", 10)
    organization = platform.add_organization("acme")
    platform.add_key(organization)
    assistants = platform.add_assistants(organization, 2)
    platform.add_calls([{"assistant_id": assistants[number % 2]} for number in range(17)])
    platform.add_calls([{"assistant_id": platform.add_assistant(platform.add_organization())}])
    return platform


@in_parts_too
def test_calls_go_in_short_transactions(acme: Platform) -> None:
    progress: list[int] = []

    with recorded_statements() as statements:
        removed = acme.run(remove_organization(acme.writer, _found(acme), progress.append))

    assert progress == [10, 17]
    assert removed[-3:] == (2, 17, 1)
    assert sum(statement.startswith("DELETE FROM calls") for statement in statements) == 2
    assert _differences(acme) == []
    assert _count(acme, Call.id) == 1
    acme.run(fold_rollups(acme.writer))
    acme.run(fold_rollups(acme.writer))  # what is of no organization any more adds up to nothing
    assert _differences(acme) == []
    assert _count(acme, rollup_log.c.id) == 0
    assert _count(acme, assistant_sums.c.assistant_id) == 4  # one bucket of each grain
    assert _count(acme, organization_sums.c.organization_id) == 4


def test_cut_short_it_has_locked_the_keys_and_goes_on_later(acme: Platform) -> None:
    found = _found(acme)

    def cut(_calls: int) -> None:
        raise Cut

    with pytest.raises(Cut):
        acme.run(remove_organization(acme.writer, found, cut))
    assert _differences(acme) == []
    assert (_count(acme, Call.id), _count(acme, UserApiKey.id)) == (8, 0)

    assert _found(acme).calls == 7
    acme.run(remove_organization(acme.writer, found, lambda _calls: None))
    assert _differences(acme) == []
    assert _count(acme, Call.id) == 1
    with pytest.raises(OperatorError, match="the organization has been removed"):
        acme.run(remove_organization(acme.writer, found, lambda _calls: None))


def _found(platform: Platform) -> OrganizationListing:
    async def find() -> OrganizationListing:
        async with connect(platform.reader) as connection:
            return await organization_named(connection, "acme")

    found: OrganizationListing = platform.run(find())
    return found


def _differences(platform: Platform) -> list[Difference]:
    found: list[Difference] = platform.run(differences(platform))
    return found


def _count(platform: Platform, column: Any) -> int:
    async def ask() -> int:
        async with connect(platform.reader) as connection:
            return int(await connection.scalar(select(func.count(column))) or 0)

    number: int = platform.run(ask())
    return number
