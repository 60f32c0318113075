"""``db check`` and ``serve`` name what keeps a database from being served rightly, and how."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import text

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.check import check_database
from call_analytics.db.admin.migrate import DatabaseState, prepare_to_serve
from call_analytics.db.admin.obstacles import OTHER_DATABASE, Finding
from call_analytics.db.engine import create_engine
from call_analytics.db.errors import OperatorError
from call_analytics.db.rollups.upkeep import enable_rollups
from tests.platform import Platform
from tests.postgres import PostgresCluster

MISSING_INDEX = Finding(
    "table calls has no index ix_calls_analytics, so answers are slow",
    "CREATE INDEX CONCURRENTLY ix_calls_analytics "
    "ON calls (assistant_id, started_at, status, duration);",
)
CANNOT_READ = Finding(
    "role analytics_reader may not read the rollups",
    "GRANT SELECT ON call_rollups_log, call_rollups_assistants, call_rollups_organizations, "
    "call_rollups_moves, call_rollups_state, call_rollups_heartbeat, call_rollups_failures "
    "TO analytics_reader;",
)
CANNOT_FOLD = Finding(
    "role analytics_reader may not fold the rollups, "
    "so their log grows unless another role folds it",
    "GRANT INSERT, UPDATE, DELETE ON call_rollups_log, call_rollups_assistants, "
    "call_rollups_organizations, call_rollups_moves, call_rollups_heartbeat TO analytics_reader;",
)
CHANGED = "the rollups are not as this release makes them, so they are not read"
RLS = (
    "ALTER TABLE calls ENABLE ROW LEVEL SECURITY;"
    "CREATE POLICY none ON calls FOR SELECT TO analytics_reader USING (id < 0);"
)
MOVED = (
    "CREATE SCHEMA app; ALTER TABLE calls SET SCHEMA app; ALTER TABLE assistants SET SCHEMA app;"
    "GRANT USAGE ON SCHEMA app TO analytics_reader"
)
ALL_MOVED = (
    "ALTER SCHEMA public RENAME TO app; CREATE SCHEMA public;"
    "GRANT USAGE ON SCHEMA app, public TO analytics_reader"
)
SEARCH = "ALTER ROLE analytics_reader IN DATABASE attached SET search_path = app, {rest};"

Check = Callable[[], tuple[DatabaseState, list[Finding]]]


@pytest.fixture
def check(reader_url: str, runner: asyncio.Runner) -> Check:
    """Checks the platform's database as the role that may only read, on a new connection."""

    def run() -> tuple[DatabaseState, list[Finding]]:
        database = create_engine(parse_database_url(reader_url), read_only=True)
        try:
            return runner.run(check_database(database))
        finally:
            runner.run(database.dispose())

    return run


@pytest.fixture
def owner(cluster: PostgresCluster, attached_url: str) -> Callable[[str], None]:
    """Runs SQL as the owner of the platform's database."""
    del attached_url
    return lambda sql: cluster.execute(sql, "attached")


def refusal_to_serve(url: str, runner: asyncio.Runner) -> str:
    """Why the database is not served, by the same role."""

    async def prepare() -> None:
        database = create_engine(parse_database_url(url), read_only=False)
        try:
            await prepare_to_serve(database)
        finally:
            await database.dispose()

    with pytest.raises(OperatorError) as refusal:
        runner.run(prepare())
    return str(refusal.value)


def test_check_names_the_missing_index(check: Check, owner: Callable[[str], None]) -> None:
    assert check() == (DatabaseState.ATTACHED, [MISSING_INDEX])

    owner(MISSING_INDEX.remedy)

    assert check() == (DatabaseState.ATTACHED, [])


def test_check_accepts_an_index_that_carries_the_rest(
    check: Check, owner: Callable[[str], None]
) -> None:
    owner("CREATE INDEX i ON calls (assistant_id, started_at) INCLUDE (status, duration)")

    assert check()[1] == []


@pytest.mark.parametrize(
    "index",
    [
        "CREATE INDEX i ON calls (started_at, assistant_id, status, duration)",
        "CREATE INDEX i ON calls (assistant_id, started_at)",
        "CREATE INDEX i ON calls (assistant_id, started_at, status, duration) WHERE id > 5",
    ],
)
def test_check_is_not_fooled_by_another_index(
    check: Check, owner: Callable[[str], None], index: str
) -> None:
    owner(index)

    assert check()[1] == [MISSING_INDEX]


def test_check_is_not_fooled_by_an_index_that_was_never_finished(
    check: Check, owner: Callable[[str], None]
) -> None:
    owner(MISSING_INDEX.remedy)
    owner(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_calls_analytics'::regclass"
    )

    assert check()[1] == [MISSING_INDEX]


def test_the_index_of_a_partitioned_table_is_made_as_such_tables_allow(
    check: Check, owner: Callable[[str], None]
) -> None:
    owner(
        "DROP TABLE calls; CREATE TABLE calls (id integer NOT NULL, call_sid text NOT NULL, "
        "assistant_id integer, to_phone_number text, customer_phone_number text, status text, "
        "duration integer, started_at timestamp, ended_at timestamp, call_meta json) "
        "PARTITION BY RANGE (id); CREATE TABLE calls_1 PARTITION OF calls DEFAULT;"
        "GRANT SELECT ON calls TO analytics_reader"
    )
    ((_problem, remedy),) = check()[1]

    assert remedy == MISSING_INDEX.remedy.replace(" CONCURRENTLY", "")
    owner(remedy)
    assert check()[1] == []


@pytest.mark.parametrize(
    ("change", "state", "problem", "remedy"),
    [
        (
            "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
            DatabaseState.HIDDEN,
            (
                "schema public, which has organizations, users, user_api_keys, assistants, calls, "
                "may not be used by role analytics_reader"
            ),
            "GRANT USAGE ON SCHEMA public TO analytics_reader;",
        ),
        (
            "REVOKE CONNECT ON DATABASE attached FROM PUBLIC",
            DatabaseState.HIDDEN,
            "role analytics_reader may not connect to the database",
            "GRANT CONNECT ON DATABASE attached TO analytics_reader;",
        ),
        (
            MOVED,
            DatabaseState.INCOMPLETE,
            (
                "schema app, which has assistants, calls, "
                "is not on the search path of role analytics_reader"
            ),
            SEARCH.format(rest='"$user", public'),
        ),
        (
            ALL_MOVED,
            DatabaseState.HIDDEN,
            (
                "schema app, which has organizations, users, user_api_keys, assistants, calls, "
                "is not on the search path of role analytics_reader"
            ),
            SEARCH.format(rest='"$user", public'),
        ),
        (
            (
                "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO analytics_reader;"
                "ALTER TABLE calls SET SCHEMA app; CREATE VIEW calls AS SELECT * FROM app.calls"
            ),
            DatabaseState.INCOMPLETE,
            "calls is a view in schema public, and the service reads tables only",
            SEARCH.format(rest='"$user", public'),
        ),
        (
            "REVOKE SELECT ON users FROM analytics_reader",
            DatabaseState.ATTACHED,
            "table users cannot be read",
            "GRANT SELECT ON users TO analytics_reader;",
        ),
        (
            RLS,
            DatabaseState.ATTACHED,
            "row security hides rows of table calls from role analytics_reader",
            "ALTER ROLE analytics_reader BYPASSRLS;",
        ),
        (
            "ALTER TABLE calls ALTER duration TYPE double precision",
            DatabaseState.ATTACHED,
            (
                "column calls.duration is of type double precision, where the service can read "
                "integer or bigint or smallint"
            ),
            "ALTER TABLE calls ALTER duration TYPE bigint USING duration::bigint;",
        ),
        (
            (
                "CREATE TYPE outcome AS ENUM ('completed', 'failed', 'ongoing', 'busy');"
                "ALTER TABLE calls ALTER status TYPE outcome USING status::outcome"
            ),
            DatabaseState.ATTACHED,
            (
                "column calls.status is of type outcome, where the service can read "
                "text or character varying"
            ),
            "ALTER TABLE calls ALTER status TYPE text USING status::text;",
        ),
        (
            (
                'CREATE COLLATION anycase FROM "C"; UPDATE pg_collation '
                "SET collisdeterministic = false WHERE collname = 'anycase';"
                "ALTER TABLE calls ALTER status TYPE text COLLATE anycase"
            ),
            DatabaseState.ATTACHED,
            (
                "column calls.status is of type nondeterministic text, where the service can read "
                "text or character varying"
            ),
            "ALTER TABLE calls ALTER status TYPE text USING status::text;",
        ),
        (
            "ALTER TABLE calls ALTER started_at TYPE date",
            DatabaseState.ATTACHED,
            (
                "column calls.started_at is of type date, where the service can read "
                "timestamp without time zone or timestamp with time zone"
            ),
            "ALTER TABLE calls ALTER started_at TYPE timestamp USING started_at::timestamp;",
        ),
    ],
)
def test_check_and_serve_name_what_is_wrong_and_the_remedy_helps(
    check: Check,
    owner: Callable[[str], None],
    reader_url: str,
    runner: asyncio.Runner,
    change: str,
    state: DatabaseState,
    problem: str,
    remedy: str,
) -> None:
    owner(MISSING_INDEX.remedy)
    owner(change)

    assert check() == (state, [Finding(problem, remedy)])
    assert refusal_to_serve(reader_url, runner) == f"{problem}; the remedy is: {remedy}"
    owner(remedy)
    assert check() == (DatabaseState.ATTACHED, [])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DROP TABLE calls", "there is no table calls"),
        (
            "ALTER TABLE calls DROP COLUMN duration, DROP COLUMN status",
            "table calls has no column status, duration",
        ),
        (
            "ALTER TABLE user_api_keys ALTER is_active TYPE integer USING is_active::integer",
            "column user_api_keys.is_active is of type integer, where the service can read boolean",
        ),
        (
            (
                "ALTER TABLE calls DROP CONSTRAINT calls_assistant_id_fkey,"
                "ALTER assistant_id TYPE uuid USING gen_random_uuid()"
            ),
            (
                "column calls.assistant_id is of type uuid, where the service can read "
                "integer or bigint or smallint"
            ),
        ),
        (
            (
                "ALTER TABLE calls RENAME TO calls_2026;"
                "CREATE MATERIALIZED VIEW calls AS SELECT * FROM calls_2026"
            ),
            "calls is a materialized view in schema public, and the service reads tables only",
        ),
    ],
)
def test_what_no_statement_mends_needs_another_database(
    check: Check,
    owner: Callable[[str], None],
    reader_url: str,
    runner: asyncio.Runner,
    change: str,
    problem: str,
) -> None:
    owner(change)

    assert check()[1] == [Finding(problem, OTHER_DATABASE)]
    assert refusal_to_serve(reader_url, runner) == f"{problem}; the remedy is: {OTHER_DATABASE}"


def test_what_is_missing_in_a_managed_database_is_named(platform: Platform) -> None:
    async def check() -> tuple[DatabaseState, list[Finding]]:
        return await check_database(platform.reader)

    assert platform.run(check()) == (DatabaseState.MANAGED, [])
    indexes = {
        "ix_calls_organization_started": (
            "organization_id, started_at, id, assistant_id, status, duration"
        ),
        "ix_calls_organization_assistant": "organization_id, assistant_id, started_at",
    }
    for name in indexes:
        platform.run(platform.execute(text(f"DROP INDEX {name}")))

    state, findings = platform.run(check())

    online = " CONCURRENTLY" if platform.reader.dialect.name == "postgresql" else ""
    assert (state, findings) == (
        DatabaseState.MANAGED,
        [
            Finding(
                f"table calls has no index {name}, so answers are slow",
                f"CREATE INDEX{online} {name} ON calls ({columns});",
            )
            for name, columns in indexes.items()
        ],
    )


def test_tables_in_several_schemas_of_the_search_path_are_found(
    check: Check, owner: Callable[[str], None]
) -> None:
    owner(MISSING_INDEX.remedy)
    owner(MOVED)
    owner("ALTER DATABASE attached SET search_path = public, app")

    assert check() == (DatabaseState.ATTACHED, [])


def test_an_empty_database_is_still_called_empty(
    cluster: PostgresCluster, runner: asyncio.Runner
) -> None:
    cluster.execute("CREATE DATABASE without_tables")
    database = create_engine(parse_database_url(cluster.url("without_tables")), read_only=True)

    assert runner.run(check_database(database)) == (
        DatabaseState.EMPTY,
        [Finding("the database has no tables", "call-analytics db upgrade")],
    )
    runner.run(database.dispose())


def test_ids_that_graphql_cannot_tell_are_named(check: Check, owner: Callable[[str], None]) -> None:
    owner(MISSING_INDEX.remedy)
    owner(
        "ALTER TABLE assistants ALTER id TYPE bigint;"
        "INSERT INTO organizations (id, name, slug, is_active) VALUES (1, 'a', 'a', true);"
        "INSERT INTO users (id, organization_id, email, full_name, is_active) "
        "VALUES (1, 1, '', '', true);"
        "INSERT INTO assistants (id, organization_id, user_id, name) VALUES (2147483647, 1, 1, ''),"
        "(2147483648, 1, 1, '')"
    )

    (finding,) = check()[1]

    assert finding.problem == (
        "the ids of 1 assistants exceed 2147483647, the largest Int of GraphQL, "
        "so assistantId cannot be told there"
    )


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        (
            "UPDATE call_rollups_state SET is_ready = false",
            "the rollups are not filled, so they are not read",
            "call-analytics rollups enable",
        ),
        (
            "ALTER TABLE calls DISABLE TRIGGER call_rollups_delete",
            (
                "the rollups' triggers do not see every write of the table calls, "
                "so the rollups are not read"
            ),
            "call-analytics rollups enable",
        ),
        (
            "ALTER TABLE assistants DISABLE TRIGGER assistant_rollups_update",
            (
                "the rollups' triggers do not see every write of the table calls, "
                "so the rollups are not read"
            ),
            "call-analytics rollups enable",
        ),
        (
            "CREATE TABLE calls_2027 () INHERITS (calls)",
            (
                "the rollups' triggers do not see every write of the table calls: "
                "other tables inherit from it; they are not read"
            ),
            "call-analytics rollups disable",
        ),
        (
            "CREATE TABLE assistants_2027 () INHERITS (assistants)",
            (
                "the rollups' triggers do not see every write of the table assistants: "
                "other tables inherit from it; they are not read"
            ),
            "call-analytics rollups disable",
        ),
        (
            "INSERT INTO call_rollups_failures VALUES ('disk full')",
            "a write of calls could not be added to the rollups, so they are not read (disk full)",
            "call-analytics rollups enable",
        ),
        (
            "DROP TABLE call_rollups_failures",
            f"{CHANGED} (there is no table call_rollups_failures)",
            "call-analytics rollups enable",
        ),
        (
            "ALTER TABLE call_rollups_organizations DROP COLUMN duration",
            f"{CHANGED} (table call_rollups_organizations has no column duration)",
            "call-analytics rollups enable",
        ),
        (
            "ALTER TABLE call_rollups_assistants ADD COLUMN busy bigint",
            f"{CHANGED} (table call_rollups_assistants has the column busy)",
            "call-analytics rollups enable",
        ),
        ("UPDATE call_rollups_state SET layout = 2", CHANGED, "call-analytics rollups enable"),
    ],
)
def test_check_tells_why_rollups_are_not_read(
    attached: Platform,
    check: Check,
    owner: Callable[[str], None],
    change: str,
    problem: str,
    remedy: str,
) -> None:
    owner(MISSING_INDEX.remedy)
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    owner(CANNOT_FOLD.remedy)
    assert check()[1] == []

    owner(change)

    assert check()[1] == [Finding(problem, remedy)]


def test_check_tells_that_a_role_may_not_read_the_rollups_or_not_fold_them(
    attached: Platform, check: Check, owner: Callable[[str], None]
) -> None:
    owner(MISSING_INDEX.remedy)
    attached.run(enable_rollups(attached.writer, lambda *_: None))
    owner("REVOKE ALL ON call_rollups_state FROM analytics_reader")

    for finding in (CANNOT_READ, CANNOT_FOLD):
        assert check()[1] == [finding]
        owner(finding.remedy)

    assert check()[1] == []
    for privilege in ("INSERT", "UPDATE", "DELETE"):
        owner(f"REVOKE {privilege} ON call_rollups_log FROM analytics_reader")
        assert check()[1] == [CANNOT_FOLD]
        owner(CANNOT_FOLD.remedy)


def test_check_counts_the_calls_whose_time_is_none(platform: Platform) -> None:
    assistant = platform.add_assistant(platform.add_organization())
    platform.add_calls([{"assistant_id": assistant}] * 5 + [{"started_at": None}] * 0)
    first, second = (call["id"] for call in platform.calls[:2])
    for number in (first, second):
        platform.run(
            platform.execute(text(f"UPDATE calls SET started_at = 'infinity' WHERE id = {number}"))
        )

    _state, (finding,) = platform.run(check_database(platform.reader))

    assert finding.problem == (
        "started_at of 2 calls is no time of the years 1 to 9999 in the form that the "
        "service writes, so they never count"
    )

    async def listed() -> list[int]:
        async with platform.writer.connect() as connection:
            listing = finding.remedy.replace(".started_at", ".ended_at", 1)  # it has no odd value
            return sorted(await connection.scalars(text(listing.replace(":", "\\:"))))

    assert platform.run(listed()) == [first, second]
