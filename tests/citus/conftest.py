"""A distributed database of the test's own."""

import asyncio
import itertools
import os
from collections.abc import Iterator

import pytest

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.distribution import distribute_calls
from call_analytics.db.engine import create_engine
from tests.citus.cluster import SETTING, CitusCluster
from tests.conftest import migrate
from tests.platform import Platform

SHARDS = 8

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each needs a PostgreSQL, so that ``make quick`` leaves them out."""
    for item in items:
        if "tests/citus/" in item.path.as_posix():
            item.add_marker("needs_postgresql")


@pytest.fixture(scope="session")
def citus(runner: asyncio.Runner) -> CitusCluster:
    """The cluster."""
    coordinator = os.environ.get(SETTING)
    if not coordinator:
        pytest.skip(f"{SETTING} names no coordinator: the tests of Citus DID NOT RUN")
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.skip("one test kills a worker of all: run them by make citus; they DID NOT RUN")
    cluster = CitusCluster(coordinator, runner)
    assert len(cluster.workers) >= 2, "the tests need a cluster of two workers at least"
    return cluster


@pytest.fixture
def plain_url(citus: CitusCluster, runner: asyncio.Runner) -> Iterator[str]:
    """The address of a migrated database with two workers, which is not distributed yet."""
    name = f"call_analytics_test_{os.getpid()}_{next(_numbers)}"
    try:
        citus.create(name, workers=2)
        runner.run(migrate(citus.url(name)))
        yield citus.url(name)
    finally:
        citus.drop(name)


@pytest.fixture
def database_url(plain_url: str, runner: asyncio.Runner) -> str:
    """The same, distributed."""

    async def distribute() -> None:
        database = create_engine(parse_database_url(plain_url), read_only=False)
        assert await distribute_calls(database, SHARDS) == 0
        await database.dispose()

    runner.run(distribute())
    return plain_url


@pytest.fixture
def plain(plain_url: str, runner: asyncio.Runner) -> Iterator[Platform]:
    """A platform on the database that is not distributed yet."""
    empty = Platform(plain_url, runner)
    yield empty
    empty.close()
