"""Two organizations: no document, argument, path or order of requests shows one the other's rows.

Requests are generated in crowds, which run at once against one service: by either organization's
key or by nobody's, for its own assistants or the other's, over REST and GraphQL, by GET and POST,
whole or by hash, aliased, from rollups and from calls. Every figure of every answer is compared
with the oracle of whoever asked.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import httpx2
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests import oracle
from tests.oracle import Answer
from tests.platform import NOW, Platform
from tests.tenants import make_tenant

CROWD = 40
CROWDS = 6
"""By two databases: 480 requests, and in ``make test-hard`` 20 times as many."""

REST = "/api/v1/calls/analytics"
PERIODS = {"1d": "LAST_1_DAY", "7d": "LAST_7_DAYS", "30d": "LAST_30_DAYS", "90d": "LAST_90_DAYS"}
CALENDAR = ("THIS_WEEK", "LAST_MONTH")
TOTALS = ("totalCalls", "completedCalls", "totalDuration", "successRate", "otherCalls")
WHOSE = ("everybody", "a", "b", "both", "nobody")
"""Whose assistants are asked for."""
LISTS: dict[str, tuple[str, Callable[[Answer], Any]]] = {
    "dailyStats": ("dailyStats { date total completed failed }", Answer.daily_stats),
    "series": (
        "series(grain: WEEK) { start end isPartial totalCalls }",
        lambda answer: [
            {name: point[name] for name in ("start", "end", "isPartial", "totalCalls")}
            for point in answer.series("WEEK")
        ],
    ),
    "hoursOfWeek": (
        "hoursOfWeek { weekday hour totalCalls }",
        lambda answer: [
            {name: item[name] for name in ("weekday", "hour", "totalCalls")}
            for item in answer.hours_of_week()
        ],
    ),
    "statuses": ("statuses { status calls duration }", Answer.statuses),
    "durations": ("durations { min max }", Answer.durations),
    "previous": (
        "previous { totalCalls }",
        lambda answer: {"totalCalls": answer.previous().figures()["totalCalls"]},
    ),
}
"""Lists besides that of the assistants: what is asked, and what the oracle answers."""

Body = dict[str, Any]


class Aliased(NamedTuple):
    """One ``callAnalytics`` field of a document."""

    period: str
    zone: str
    whose: str
    totals: frozenset[str]
    lists: frozenset[str]
    top: int | None


class Question(NamedTuple):
    """A generated request."""

    asks: str
    """a, b, nobody, or a key that does not exist."""
    way: str
    fields: list[Aliased]
    source: str


_aliased = st.builds(
    Aliased,
    st.sampled_from([*PERIODS.values(), *CALENDAR]),
    st.sampled_from(["UTC", "UTC", "Asia/Kathmandu"]),
    st.sampled_from(["everybody", *WHOSE]),
    st.frozensets(st.sampled_from(sorted(TOTALS)), min_size=1),
    st.frozensets(st.sampled_from(sorted(LISTS)), max_size=2),
    st.none() | st.integers(1, 15),
)
_questions = st.builds(
    Question,
    st.sampled_from(["a", "b", "a", "b", "nobody", "invented"]),
    st.sampled_from(["rest", "post", "get", "hash and text", "hash"]),
    # Few documents, so that caches and shared statements are met again and again.
    st.lists(_aliased, min_size=1, max_size=4),
    st.sampled_from(["rollups", "calls"]),
)


class World:
    """Two organizations, and the service over them: with rollups, and with calls alone."""

    def __init__(self, platform: Platform, runner: asyncio.Runner) -> None:
        self._runner = runner
        tenants = {name: make_tenant(platform) for name in "ab"}
        platform.add_calls([{"assistant_id": tenants["b"].assistants[0], "duration": 7}] * 17)
        self.headers = {name: tenant.headers for name, tenant in tenants.items()}
        self.headers["nobody"] = {}
        self.headers["invented"] = {"Authorization": "Bearer burki_" + "0" * 32}
        self.expected = {
            (name, period): platform.expected(tenant.organization_id, period)
            for name, tenant in tenants.items()
            for period in PERIODS
        }
        of = {name: tenant.assistants[:4] for name, tenant in tenants.items()}
        self.assistants: dict[str, list[int] | None] = {
            "everybody": None,
            **of,
            "both": [*of["a"], *of["b"]],
            "nobody": [],
        }
        self._platform = platform
        self._organizations = {name: tenant.organization_id for name, tenant in tenants.items()}
        self._answers: dict[tuple[str, str, str, str], Answer] = {}
        self._stack = AsyncExitStack()
        self._clients = {
            source: runner.run(self._stack.enter_async_context(_client(platform.url, source)))
            for source in ("rollups", "calls")
        }

    def answer(self, name: str, field: Aliased) -> Answer:
        """What the oracle says to an organization's question."""
        key = (name, field.period, field.zone, field.whose)
        if key not in self._answers:
            self._answers[key] = oracle.answer(
                self._platform.calls,
                self._platform.assistants,
                organization=self._organizations[name],
                asked={"period": field.period},
                zone=field.zone,
                assistant_ids=self.assistants[field.whose],
                now=NOW,
            )
        return self._answers[key]

    def close(self) -> None:
        """Stop the services."""
        self._runner.run(self._stack.aclose())

    def ask_at_once(self, questions: list[Question]) -> list[httpx2.Response]:
        """The answers to a crowd."""

        async def crowd() -> list[httpx2.Response]:
            return await asyncio.gather(*(self._ask(question) for question in questions))

        return self._runner.run(crowd())

    async def _ask(self, question: Question) -> httpx2.Response:
        client = self._clients[question.source]
        headers = self.headers[question.asks]
        text = document(question.fields, self.assistants)
        if question.way == "rest":
            period = _rest_period(question)
            return await client.get(REST, params={"period": period}, headers=headers)
        if question.way == "get":
            return await client.get("/graphql", params={"query": text}, headers=headers)
        body: Body = {} if question.way == "hash" else {"query": text}
        if question.way.startswith("hash"):
            named = {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}
            body["extensions"] = {"persistedQuery": named}
        return await client.post("/graphql", json=body, headers=headers)


@asynccontextmanager
async def _client(url: str, source: str) -> AsyncIterator[httpx2.AsyncClient]:
    changes = {
        "requests_per_minute": 0,
        "stranger_requests_per_minute": 0,
        # All ask at once, on a machine that may be busy.
        "statement_timeout_seconds": 300,
        "request_timeout_seconds": 300,
    }
    settings = Settings.model_validate({"database_url": url, **changes})
    app = create_app(settings, clock=lambda: NOW, may_use_rollups=source == "rollups")
    async with app.router.lifespan_context(app) as state:
        assert state is not None

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"state": dict(state)}, receive, send)

        transport = httpx2.ASGITransport(app=with_state)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


@pytest.fixture
def world(platform: Platform, runner: asyncio.Runner) -> Iterator[World]:
    """Two organizations that ask."""
    built = World(platform, runner)
    yield built
    built.close()


@pytest.mark.generates_documents
@hypothesis_settings(max_examples=CROWDS)
@given(questions=st.lists(_questions, min_size=CROWD, max_size=CROWD))
def test_nobody_ever_sees_another_s_figures(world: World, questions: list[Question]) -> None:
    for question, response in zip(questions, world.ask_at_once(questions), strict=True):
        answer = json.loads(response.text)
        if question.asks in ("nobody", "invented"):
            assert _refused(question, response, answer), answer
        elif question.way == "rest":
            assert answer == world.expected[question.asks, _rest_period(question)]
        elif question.way != "hash" or "errors" not in answer:
            assert answer["data"] == _expected(world, question)
            assert answer["extensions"]["sources"] == _sources(question)
        else:
            assert answer["errors"][0]["message"] == "PersistedQueryNotFound"


def _refused(question: Question, response: httpx2.Response, answer: Body) -> bool:
    if question.way == "rest":
        return response.status_code == 401 and set(answer) == {"detail"}
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    expected = "PERSISTED_QUERY_NOT_FOUND" if question.way == "hash" else "UNAUTHENTICATED"
    return not answer.get("data") and codes == {expected}


def _rest_period(question: Question) -> str:
    names = {name: period for period, name in PERIODS.items()}
    return names.get(question.fields[0].period, "7d")


def _sources(question: Question) -> list[str]:
    return ["calls", "rollups"] if question.source == "rollups" else ["calls"]


def document(fields: list[Aliased], assistants: dict[str, list[int] | None]) -> str:
    """The document that asks for all of these fields."""
    parts = []
    for number, field in enumerate(fields):
        selected = [*sorted(field.totals), *(LISTS[name][0] for name in sorted(field.lists))]
        if field.top is not None:
            selected.append(
                f"topAssistants(limit: {field.top}) {{ assistantId assistantName calls }}"
            )
        arguments = f'period: {field.period}, timeZone: "{field.zone}"'
        if (ids := assistants[field.whose]) is not None:
            arguments += f", assistantIds: {ids}"
        parts.append(f"a{number}: callAnalytics({arguments}) {{ {' '.join(selected)} }}")
    return f"{{ {' '.join(parts)} }}"


def _expected(world: World, question: Question) -> Body:
    data: Body = {}
    for number, field in enumerate(question.fields):
        answer = world.answer(question.asks, field)
        figures = answer.figures()
        one: Body = {name: figures[name] for name in field.totals}
        one |= {name: LISTS[name][1](answer) for name in field.lists}
        if field.top is not None:
            one["topAssistants"] = [
                {name: stat[name] for name in ("assistantId", "assistantName", "calls")}
                for stat in answer.top_assistants(field.top)
            ]
        data[f"a{number}"] = one
    return data
