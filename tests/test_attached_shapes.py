"""Attached to tables that differ from the platform's usual ones: served rightly all the same."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from call_analytics.db.errors import OperatorError
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.rollups.state import RollupState, rollup_state
from call_analytics.db.rollups.upkeep import enable_rollups, verify_rollups
from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.platform import NOW, PERIOD_DAYS, Platform
from tests.postgres import PostgresCluster

START = NOW.replace(tzinfo=None)
LARGE = 5_000_000_000
"""No integer of four bytes."""

SHAPES = {
    "usual": "SELECT",
    "bigint": "; ".join(
        f"ALTER TABLE {table} ALTER {column} TYPE bigint"
        for table, column in (
            ("organizations", "id"),
            ("users", "id"),
            ("users", "organization_id"),
            ("user_api_keys", "id"),
            ("user_api_keys", "user_id"),
            ("assistants", "id"),
            ("assistants", "organization_id"),
            ("assistants", "user_id"),
            ("calls", "id"),
            ("calls", "assistant_id"),
            ("calls", "duration"),
        )
    ),
    "timestamptz": "ALTER TABLE calls ALTER started_at TYPE timestamptz, "
    "ALTER ended_at TYPE timestamptz; ALTER DATABASE attached SET timezone = 'Asia/Kolkata'; "
    "ALTER ROLE analytics_reader SET timezone = 'America/St_Johns'",
    "nullable": "ALTER TABLE calls ALTER assistant_id DROP NOT NULL, ALTER status DROP NOT NULL, "
    "DROP CONSTRAINT calls_assistant_id_fkey, ADD FOREIGN KEY (assistant_id) "
    "REFERENCES assistants ON DELETE SET NULL; ALTER TABLE assistants ALTER name DROP NOT NULL",
    "domain": "CREATE DOMAIN seconds AS smallint CHECK (VALUE >= 0); "
    "ALTER TABLE calls ALTER duration TYPE seconds, ALTER status TYPE text",
    "elsewhere": 'CREATE SCHEMA "App\'s"; GRANT USAGE ON SCHEMA "App\'s" TO PUBLIC; '
    'ALTER TABLE calls SET SCHEMA "App\'s"; '
    'ALTER DATABASE attached SET search_path = public, "App\'s"',
    "partitioned": "ALTER TABLE calls RENAME TO calls_2026; ALTER TABLE calls_2026 "
    "ALTER id DROP DEFAULT; CREATE TABLE calls (LIKE calls_2026) PARTITION BY RANGE (started_at); "
    "ALTER TABLE calls ATTACH PARTITION calls_2026 FOR VALUES FROM ('2020-01-01') TO (MAXVALUE); "
    "CREATE TABLE calls_rest PARTITION OF calls DEFAULT; GRANT SELECT ON calls TO analytics_reader",
}


class Shaped:
    """The platform on tables of some shape; it writes them by itself, in its own time zone."""

    def __init__(self, shape: str, memory: Platform, execute: Callable[[str], None]) -> None:
        self.shape = shape
        self.memory = memory
        self.execute = execute
        self.key = "burki_" + "a" * 32
        self.first = LARGE if shape == "bigint" else 1_000
        first = self.first
        for statement in SHAPES[shape].split("; "):
            execute(statement)
        execute(
            "INSERT INTO organizations (id, name, slug, is_active) "
            f"VALUES ({first}, 'a', 'a', true);"
            "INSERT INTO users (id, organization_id, email, full_name, is_active) "
            f"VALUES ({first}, {first}, '', '', true);"
            "INSERT INTO user_api_keys (id, user_id, name, key_hash, key_prefix, is_active) "
            f"VALUES ({first}, {first}, '', encode(sha256('{self.key}'), 'hex'), '', true);"
            "INSERT INTO assistants (id, organization_id, user_id, name, is_active) VALUES "
            f"({first}, {first}, {first}, 'a', true), ({first + 1}, {first}, {first}, 'b', true)"
        )
        for number, name in enumerate("ab", start=first):
            memory.assistants.append({"id": number, "organization_id": first, "name": name})

    def add(self, number: int, **columns: Any) -> None:
        """A call, which differs from those of other numbers."""
        call = {
            "id": self.first + number,
            "assistant_id": self.first + number % 2,
            "status": ("completed", "failed", "busy")[number % 3],
            "duration": (None, 60, 7)[number % 3],
            "started_at": START - timedelta(hours=number, minutes=number * 7 % 60),
        } | columns
        self.memory.calls.append(call)
        literals = {name: "NULL" if value is None else f"'{value}'" for name, value in call.items()}
        if self.shape == "timestamptz":
            literals["started_at"] = f"'{call['started_at']}+00'"
        self.execute(
            f"INSERT INTO calls ({', '.join(call)}, call_sid, to_phone_number, "
            "customer_phone_number) "
            f"VALUES ({', '.join(literals.values())}, 'CA{call['id']}', '', '')"
        )

    def assert_right(self, reader_url: str, *, from_rollups: bool) -> None:
        """A new server gives the oracle's figures, and says what it has read."""
        app = create_app(Settings.model_validate({"database_url": reader_url}), clock=lambda: NOW)
        headers = {"Authorization": f"Bearer {self.key}"}
        query = {"query": "{ callAnalytics(period: LAST_90_DAYS) { totalCalls } }"}
        with TestClient(app) as client:
            for period in PERIOD_DAYS:
                answer = client.get(f"/api/v1/calls/analytics?period={period}", headers=headers)
                assert answer.json() == self.memory.expected(self.first, period)
            answer = client.post("/graphql", json=query, headers=headers)
        total = self.memory.expected(self.first, "90d")["total_calls"]
        assert answer.json() == {
            "data": {"callAnalytics": {"totalCalls": total}},
            "extensions": {"sources": ["calls", "rollups"] if from_rollups else ["calls"]},
        }
        if from_rollups:
            assert self.differences() == []

    def enable(self) -> None:
        """Turn rollups on."""
        self.memory.run(enable_rollups(self.memory.writer, lambda *_: None))

    def fold(self) -> None:
        """Fold the rollups."""
        self.memory.run(fold_rollups(self.memory.writer))

    def differences(self) -> list[Any]:
        """Where rollups are not the sums of their calls."""
        found: list[Any] = []
        self.memory.run(verify_rollups(self.memory.writer, found.append, repair=False))
        return found


@pytest.fixture
def shaped(attached: Platform, cluster: PostgresCluster) -> Callable[[str], Shaped]:
    """Gives the platform's tables a shape."""
    return lambda shape: Shaped(shape, attached, lambda sql: cluster.execute(sql, "attached"))


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "partitioned"])
def test_answers_are_right_with_and_without_rollups(
    shaped: Callable[[str], Shaped], reader_url: str, shape: str
) -> None:
    platform = shaped(shape)
    for number in range(60):
        platform.add(number)
    platform.assert_right(reader_url, from_rollups=False)
    platform.enable()
    platform.assert_right(reader_url, from_rollups=True)

    for number in range(61, 70):
        platform.add(number)
    platform.execute("UPDATE calls SET status = 'failed', duration = 5 WHERE status = 'busy'")
    for call in platform.memory.calls:
        if call["status"] == "busy":
            call |= {"status": "failed", "duration": 5}
    platform.assert_right(reader_url, from_rollups=True)
    platform.execute("TRUNCATE calls")
    platform.memory.calls.clear()
    platform.assert_right(reader_url, from_rollups=True)


def test_calls_of_nobody_count_for_nobody(shaped: Callable[[str], Shaped], reader_url: str) -> None:
    """They come as such, or because their assistant is deleted; a name may be missing, too."""
    platform = shaped("nullable")
    platform.execute(f"UPDATE assistants SET name = NULL WHERE id = {platform.first}")
    platform.memory.assistants[0]["name"] = ""
    for number in range(9):
        platform.add(number)
        platform.add(number + 10, assistant_id=None)
        platform.add(number + 20, status=None)
    platform.assert_right(reader_url, from_rollups=False)
    platform.enable()
    platform.assert_right(reader_url, from_rollups=True)

    platform.add(30, assistant_id=None, status=None)
    platform.execute(f"DELETE FROM assistants WHERE id = {platform.first + 1}")
    gone = platform.memory.assistants.pop()["id"]
    for call in platform.memory.calls:
        if call["assistant_id"] == gone:
            call["assistant_id"] = None
    platform.assert_right(reader_url, from_rollups=False)  # until its sums have gone
    platform.fold()
    platform.assert_right(reader_url, from_rollups=True)
    platform.execute("DELETE FROM calls WHERE assistant_id IS NULL")
    platform.assert_right(reader_url, from_rollups=True)


def test_a_status_that_is_missing_is_shown_as_empty(
    shaped: Callable[[str], Shaped], reader_url: str
) -> None:
    """And its calls are found by what is shown."""
    platform = shaped("nullable")
    for number, status in enumerate((None, None, "", "busy")):
        platform.add(number, status=status, duration=5)
    query = (
        "{ callAnalytics(period: LAST_90_DAYS) { otherCalls statuses { status calls duration } "
        'calls(statuses: [""]) { totalCount nodes { status } } } }'
    )
    app = create_app(Settings.model_validate({"database_url": reader_url}), clock=lambda: NOW)
    with TestClient(app) as client:
        headers = {"Authorization": f"Bearer {platform.key}"}
        answer = client.post("/graphql", json={"query": query}, headers=headers).json()

    assert answer["data"] == {
        "callAnalytics": {
            "otherCalls": 4,
            "statuses": [
                {"status": "", "calls": 3, "duration": 15},
                {"status": "busy", "calls": 1, "duration": 5},
            ],
            "calls": {"totalCount": 3, "nodes": [{"status": ""}] * 3},
        }
    }


def test_a_partitioned_table_is_read_itself(
    shaped: Callable[[str], Shaped], reader_url: str
) -> None:
    platform = shaped("partitioned")
    for number in range(60):
        platform.add(number)

    with pytest.raises(OperatorError, match="it is partitioned; leave rollups off"):
        platform.enable()

    platform.execute("DELETE FROM calls_2026 WHERE status = 'failed'")
    platform.memory.calls = [call for call in platform.memory.calls if call["status"] != "failed"]
    platform.assert_right(reader_url, from_rollups=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("CREATE TABLE child () INHERITS (calls)", "calls: other tables inherit from it"),
        (
            "CREATE TABLE parent (LIKE calls); ALTER TABLE calls INHERIT parent",
            "calls: it inherits from another table",
        ),
        (
            (
                "CREATE TABLE parent (LIKE calls) PARTITION BY RANGE (id);"
                "ALTER TABLE parent ATTACH PARTITION calls DEFAULT"
            ),
            "calls: it is a partition of another table",
        ),
        ("ALTER TABLE calls SET UNLOGGED", "calls: it is unlogged, so a crash empties it"),
        (
            "CREATE TABLE child () INHERITS (assistants)",
            "assistants: other tables inherit from it",
        ),
    ],
)
def test_rollups_are_refused_where_writes_would_pass_them_by(
    attached: Platform, cluster: PostgresCluster, change: str, reason: str
) -> None:
    cluster.execute(change, "attached")

    with pytest.raises(OperatorError) as refusal:
        attached.run(enable_rollups(attached.writer, lambda *_: None))

    assert str(refusal.value) == (
        f"triggers would not see every write of the table {reason}; "
        "leave rollups off, answers are right without them"
    )
    assert attached.run(rollup_state(attached.writer)) is RollupState.OFF


def test_rollups_are_refused_where_a_column_does_not_fit(
    attached: Platform, cluster: PostgresCluster
) -> None:
    cluster.execute("ALTER TABLE calls ALTER duration TYPE numeric", "attached")

    with pytest.raises(OperatorError, match=r"column calls.duration is of type numeric.*ALTER"):
        attached.run(enable_rollups(attached.writer, lambda *_: None))
