"""Requests at the same moment: those that ask the same share an answer, and no others do."""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from call_analytics.db.engine import connect, transaction
from call_analytics.resolvers.analytics import Analytics
from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.platform import NOW, Platform
from tests.tenants import Tenant, make_tenant

REST = "/api/v1/calls/analytics"
TWO_OPERATIONS = """
    query Totals($period: Period) { callAnalytics(period: $period) { totalCalls } }
    query Days($period: Period) {
      callAnalytics(period: $period) { dailyStats { date total } }
      limits { requestsPerMinute }
    }
"""

Ask = Callable[[TestClient], Any]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The reads of figures that begin from now on; each takes so long that others may join."""
    begun: list[object] = []
    report = Analytics.report

    async def slowly(*arguments: Any, **options: Any) -> Any:
        begun.append(arguments)
        await asyncio.sleep(0.2)
        awaitable: Awaitable[Any] = report(*arguments, **options)
        return await awaitable

    monkeypatch.setattr(Analytics, "report", slowly)
    return begun


def _operation(
    headers: dict[str, str], name: str, period: str, document: str = TWO_OPERATIONS
) -> Ask:
    body = {"query": document, "operationName": name, "variables": {"period": period}}
    return lambda client: client.post("/graphql", json=body, headers=headers).json()


def _rest(headers: dict[str, str], period: str) -> Ask:
    return lambda client: client.get(f"{REST}?period={period}", headers=headers).json()


def _at_once(client: TestClient, questions: list[Ask]) -> list[Any]:
    with ThreadPoolExecutor(len(questions)) as crowd:
        return list(crowd.map(lambda ask: ask(client), questions))


def _everything(tenants: list[Tenant]) -> list[Ask]:
    """Requests that differ in the key, path, document, operation or an argument alone."""
    other_document = TWO_OPERATIONS.replace("totalCalls", "failedCalls")
    return [
        ask
        for tenant in tenants
        for graphql_period, rest_period in (("LAST_7_DAYS", "7d"), ("LAST_90_DAYS", "90d"))
        for ask in (
            _operation(tenant.headers, "Totals", graphql_period),
            _operation(tenant.headers, "Totals", graphql_period, other_document),
            _operation(tenant.headers, "Days", graphql_period),
            _rest(tenant.headers, rest_period),
        )
    ]


@pytest.mark.parametrize("path", ["graphql", "rest"])
def test_those_who_ask_the_same_share_an_answer(
    client: TestClient, tenant: Tenant, reads: list[object], path: str
) -> None:
    ask = {
        "graphql": _operation(tenant.headers, "Totals", "LAST_90_DAYS"),
        "rest": _rest(tenant.headers, "90d"),
    }[path]
    alone = ask(client)
    reads.clear()

    assert _at_once(client, [ask] * 16) == [alone] * 16
    assert len(reads) <= 16 / 2


def test_those_who_ask_otherwise_do_not(
    client: TestClient, platform: Platform, tenant: Tenant, reads: list[object]
) -> None:
    platform.add_calls([{"assistant_id": tenant.assistants[0]}])
    other_key = platform.add_key(tenant.organization_id, rate_limit={"requests_per_minute": 500})
    colleague = tenant._replace(headers={"Authorization": f"Bearer {other_key}"})
    questions = _everything([tenant, colleague, make_tenant(platform)])
    alone = [ask(client) for ask in questions]
    reads.clear()

    # Each three times: one that runs is not joined, so two must be waiting.
    assert _at_once(client, questions * 3) == alone * 3
    alike = 2  # over REST, whose answers tell nothing of the key, the two of one organization ask
    assert len(questions) - alike <= len(reads) < len(questions) * 3


@pytest.mark.usefixtures("reads")
def test_those_who_ask_at_another_moment_do_not(platform: Platform, tenant: Tenant) -> None:
    moments = [NOW - timedelta(days=days) for days in range(3)]
    clock = cycle(moments)
    settings = Settings.model_validate({"database_url": platform.url})
    body = {"query": "{ callAnalytics { windowEnd totalCalls } }"}
    with TestClient(create_app(settings, clock=lambda: next(clock))) as client:

        def ask(_number: int) -> Any:
            return client.post("/graphql", json=body, headers=tenant.headers).json()["data"]

        with ThreadPoolExecutor(18) as crowd:
            answers = [answer["callAnalytics"] for answer in crowd.map(ask, range(18))]

    ends = Counter(answer["windowEnd"] for answer in answers)
    assert ends == {moment.isoformat(): 6 for moment in moments}
    for answer in answers:
        now = datetime.fromisoformat(answer["windowEnd"])
        expected = platform.expected(tenant.organization_id, "7d", now=now)
        assert answer["totalCalls"] == expected["total_calls"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_nobody_waits_for_any_more_is_given_up(
    platform: Platform,
    tenant: Tenant,
    service: Callable[..., TestClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All time out, and a minute before the database would stop their statement it is stopped."""
    client = service(
        request_timeout_seconds=2,
        statement_timeout_seconds=60,
        compaction_seconds=0,  # it would wait for the lock below, too
    )
    asks = [_operation(tenant.headers, "Totals", "LAST_90_DAYS"), _rest(tenant.headers, "90d")]
    expected = [ask(client) for ask in asks]
    running = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )

    async def give_up() -> list[Any]:
        async with transaction(platform.writer) as writer:
            await writer.execute(
                text("LOCK TABLE calls, call_rollups_log IN ACCESS EXCLUSIVE MODE")
            )
            refused = await asyncio.to_thread(_at_once, client, asks * 3)
            # Not in the transaction, which goes on seeing what it has seen once.
            async with asyncio.timeout(30), connect(platform.reader) as watching:
                while await watching.scalar(running):  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.05)
            return refused

    refused = platform.run(give_up())
    answers = [ask(client) for ask in asks]
    gc.collect()

    assert [answer.keys() & {"detail", "errors"} for answer in refused] == [
        {"errors"},
        {"detail"},
    ] * 3
    assert answers == expected
    assert [record for record in caplog.records if record.name == "asyncio"] == []
