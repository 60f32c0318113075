"""The two databases, the service on each of them, and what a test needs to talk to it."""

import asyncio
import gc
import itertools
import os
import shutil
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import text
from starlette.testclient import TestClient

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.admin.partitions import partition_calls
from call_analytics.db.engine import create_engine
from call_analytics.db.models import VERSION_TABLE
from call_analytics.db.rollups.upkeep import enable_rollups
from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.platform import NOW, Platform, run_on
from tests.postgres import PostgresCluster, fast_place
from tests.tenants import Tenant, make_tenant

hypothesis_settings.register_profile(
    "default",
    deadline=None,  # tests assert behaviour, not time
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
hypothesis_settings.load_profile("default")

zoneinfo.reset_tzpath(to=())  # tests read the zones of the package tzdata, as the service does

IN_CI = os.environ.get("CI") == "true"

POSTGRESQL = {"cluster", "own_cluster"}
"""The fixtures that start a PostgreSQL; every other that needs one uses one of these."""

DATABASES = {
    "sqlite": "sqlite_url",
    "postgresql": "postgres_url",
    "partitioned": "partitioned_url",
}
"""The fixture of each managed database."""
in_parts_too = pytest.mark.parametrize("database_url", DATABASES, indirect=True)
"""Runs a test on a partitioned database, too."""
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Runs a test on SQLite alone, as where no database plays a part in it."""

PARTS = 5

ATTACHED_FILE = f"""
DROP TABLE {VERSION_TABLE};
DROP TABLE calls;
CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    call_sid VARCHAR(100) NOT NULL UNIQUE,
    assistant_id INTEGER NOT NULL REFERENCES assistants (id),
    to_phone_number VARCHAR(20) NOT NULL,
    customer_phone_number VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    duration INTEGER,
    started_at DATETIME,
    ended_at DATETIME,
    call_meta JSON
);
CREATE INDEX ix_calls_analytics ON calls (assistant_id, started_at, status, duration)
"""
"""Makes a platform's own file of a migrated one."""

ServiceFactory = Callable[..., TestClient]
Ask = Callable[..., dict[str, Any]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a PostgreSQL, so that ``make quick`` can leave them out."""
    for item in items:
        assert isinstance(item, pytest.Function)
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        named = {"postgresql", "partitioned"}.intersection(map(str, parameters.values()))
        if named or POSTGRESQL & set(item.fixturenames):
            item.add_marker("needs_postgresql")


def pytest_collection_finish() -> None:
    """Let garbage collections pass over what is there for as long as the tests run.

    It is a million objects, and to look at them again and again took a sixth of the time.
    """
    gc.collect()
    gc.freeze()


def missing(what: str) -> None:
    """Skip a test loudly, and fail where nothing may be missing."""
    message = f"{what} is not here: the tests that need it DID NOT RUN"
    if IN_CI:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of the tests' own database work."""
    with asyncio.Runner() as session_runner:
        yield session_runner


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresCluster]:
    """A running PostgreSQL that all tests share."""
    try:
        shared = PostgresCluster(place=fast_place())
    except OSError as error:
        missing(f"PostgreSQL ({error})")
        raise
    with shared:
        yield shared


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, runner: asyncio.Runner) -> Path:
    """A migrated SQLite file."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    run_on(runner, migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_template(cluster: PostgresCluster, runner: asyncio.Runner) -> str:
    """The name of a migrated PostgreSQL database."""
    cluster.execute("CREATE DATABASE template_migrated")
    run_on(runner, migrate(cluster.url("template_migrated")))
    return "template_migrated"


_numbers = itertools.count(1)


@pytest.fixture
def postgres_url(cluster: PostgresCluster, postgres_template: str) -> Iterator[str]:
    """The address of a migrated PostgreSQL database of the test's own."""
    with cluster.copied(postgres_template, f"test_{next(_numbers)}") as url:
        yield url


@pytest.fixture(scope="session")
def partitioned_template(
    cluster: PostgresCluster, postgres_template: str, runner: asyncio.Runner
) -> str:
    """The name of a migrated PostgreSQL database whose calls are partitioned."""
    name = "template_partitioned"
    cluster.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")

    async def partition() -> None:
        database = create_engine(parse_database_url(cluster.url(name)), read_only=False)
        await partition_calls(database, PARTS)
        await database.dispose()

    runner.run(partition())
    return name


@pytest.fixture
def partitioned_url(cluster: PostgresCluster, partitioned_template: str) -> Iterator[str]:
    """The address of such a database of the test's own."""
    with cluster.copied(partitioned_template, f"test_{next(_numbers)}") as url:
        yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a migrated SQLite file of the test's own."""
    path = tmp_path / "calls.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a migrated database, on SQLite and on PostgreSQL in turn."""
    return str(request.getfixturevalue(DATABASES[request.param]))


@pytest.fixture
def platform(database_url: str, runner: asyncio.Runner) -> Iterator[Platform]:
    """An empty platform on a migrated database."""
    empty = Platform(database_url, runner)
    yield empty
    empty.close()


@pytest.fixture
def tenant(platform: Platform) -> Tenant:
    """An organization with calls of every kind in the last ninety days."""
    return make_tenant(platform)


@pytest.fixture
def own_cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL of the test's own, which it may stop, and whose processes it may kill."""
    with PostgresCluster() as cluster:
        yield cluster


@pytest.fixture
def own_platform(own_cluster: PostgresCluster, runner: asyncio.Runner) -> Iterator[Platform]:
    """An empty platform on that PostgreSQL."""
    run_on(runner, migrate(own_cluster.url("postgres")))
    empty = Platform(own_cluster.url("postgres"), runner)
    yield empty
    empty.close()


@pytest.fixture(scope="session")
def attached_template(cluster: PostgresCluster) -> str:
    """The name of the database of a platform that made its tables itself."""
    name = "template_attached"
    cluster.execute(f"CREATE DATABASE {name}")
    cluster.execute((Path(__file__).parent / "attached.sql").read_text(), name)
    return name


@pytest.fixture
def attached_url(cluster: PostgresCluster, attached_template: str) -> Iterator[str]:
    """The address of such a database of the test's own, for its owner."""
    with cluster.copied(attached_template, "attached") as url:
        yield url
    # The role is of all databases.
    role = "ALTER ROLE analytics_reader"
    cluster.execute(f"{role} RESET ALL; {role} NOBYPASSRLS")


@pytest.fixture
def attached(attached_url: str, runner: asyncio.Runner) -> Iterator[Platform]:
    """That platform."""
    owner = Platform(attached_url, runner)
    yield owner
    owner.close()


@pytest.fixture
def attached_file(sqlite_url: str, runner: asyncio.Runner) -> Iterator[Platform]:
    """A platform that has its tables in a SQLite file."""
    owner = Platform(sqlite_url, runner)
    for statement in ATTACHED_FILE.split(";"):
        owner.run(owner.execute(text(statement)))
    yield owner
    owner.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def rolled_up(request: pytest.FixtureRequest) -> Platform:
    """An attached database, on SQLite and on PostgreSQL in turn, with rollups."""
    fixture = {"sqlite": "attached_file", "postgresql": "attached"}[request.param]
    owner: Platform = request.getfixturevalue(fixture)
    owner.run(enable_rollups(owner.writer, lambda *_: None))
    return owner


@pytest.fixture
def reader_url(attached_url: str) -> str:
    """The same database, for a role that may only read."""
    return attached_url.replace("postgres@", "analytics_reader@")


@pytest.fixture
def service(database_url: str) -> Iterator[ServiceFactory]:
    """Starts the service on the test's database, with a clock that stands at ``NOW``."""
    running: list[TestClient] = []

    def start(**changes: object) -> TestClient:
        settings = Settings.model_validate({"database_url": database_url, **changes})
        app = create_app(settings, clock=lambda: NOW)
        started = TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50_000))
        started.__enter__()
        running.append(started)
        return started

    yield start
    for started in running:
        started.__exit__(None, None, None)


@pytest.fixture
def client(service: ServiceFactory) -> TestClient:
    """The service with its default settings."""
    return service()


@pytest.fixture
def ask(client: TestClient, tenant: Tenant) -> Ask:
    """Sends a GraphQL document with the tenant's key and returns the response's JSON."""

    def send(query: str, variables: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        body = {"query": query, "variables": variables, **more}
        response = client.post("/graphql", json=body, headers=tenant.headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        answer.pop("extensions", None)
        return answer

    return send


async def migrate(url: str) -> None:
    """Bring the database at ``url`` to the newest revision."""
    database = create_engine(parse_database_url(url), read_only=False)
    await upgrade(database)
    await database.dispose()
