"""The calls behind a figure: pages, and one by its name."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, update
from starlette.testclient import TestClient

from call_analytics.db.calls.call_reader import Position
from call_analytics.db.calls.pages import CallRows, PageQuery, reading_of_page
from call_analytics.db.engine import connect
from call_analytics.db.figures.query import FigureQuery, Window
from call_analytics.db.models import Call
from call_analytics.db.replicas.servers import Servers
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.db.tenant import Tenancy
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.call_list import CallOrder
from tests import oracle
from tests.conftest import Ask, ServiceFactory
from tests.oracle.calls import listed
from tests.platform import NOW, Platform, recorded_statements
from tests.schema.running import run_document
from tests.tenants import Tenant, make_tenant

PAGE = """
query(
  $start: DateTime!, $end: DateTime!, $ids: [Int!], $statuses: [String!], $order: CallOrder!
  $first: Int, $after: String, $last: Int, $before: String
) {
  callAnalytics(instants: {start: $start, end: $end}, assistantIds: $ids) {
    calls(
      first: $first, after: $after, last: $last, before: $before
      statuses: $statuses, order: $order
    ) {
      edges { cursor node { id status startedAt assistant { id } } }
      nodes { id }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount
    }
  }
}
"""
STATUSES = ("completed", "failed", "ongoing", "busy", "", "Completed")
START, END = (NOW - timedelta(days=2)).replace(tzinfo=None), NOW.replace(tzinfo=None)
# Few, so that many calls start at once; some are at an end of the window, or outside.
MOMENTS = (
    START - timedelta(microseconds=1),
    START,
    START + timedelta(microseconds=1),
    START + timedelta(hours=7, microseconds=999_999),
    START + timedelta(hours=7, seconds=1),
    END - timedelta(microseconds=1),
    END,
)
moments = st.sampled_from(MOMENTS)


class Walk(NamedTuple):
    """How a list is walked, and which calls there are."""

    calls: list[tuple[int, str, datetime]]
    """The number of an assistant, a status, a start."""
    folded: int
    assistants: list[int] | None
    statuses: list[str] | None
    order: CallOrder
    size: int
    is_backwards: bool


walks = st.builds(
    Walk,
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(STATUSES), moments), max_size=14),
    st.integers(0, 14),
    st.none() | st.lists(st.integers(0, 4), max_size=3),
    st.none() | st.lists(st.sampled_from(STATUSES), max_size=3),
    st.sampled_from(CallOrder),
    st.integers(1, 5),
    st.booleans(),
)


class Listed(NamedTuple):
    """A list of calls, ready to be walked."""

    platform: Platform
    organization: int
    assistants: list[int]
    walk: Walk

    @property
    def ids(self) -> list[int] | None:
        """The assistants that are asked for."""
        asked = self.walk.assistants
        return None if asked is None else [self.assistants[number] for number in asked]

    def expected(self) -> list[oracle.Row]:
        """What the list has."""
        answer = oracle.answer(
            self.platform.calls,
            self.platform.assistants,
            organization=self.organization,
            asked={"instants": {"start": _written(START), "end": _written(END)}},
            assistant_ids=self.ids,
            now=NOW,
        )
        is_newest_first = self.walk.order is CallOrder.NEWEST_FIRST
        return listed(answer, self.walk.statuses, is_newest_first=is_newest_first)

    def pages(self, *, may_use_rollups: bool = True) -> Iterator[dict[str, Any]]:
        """The pages of the list, one after the other, or from the last back."""
        analytics = Analytics(Servers(self.platform.reader), may_use_rollups=may_use_rollups)
        count, cursor = ("last", "before") if self.walk.is_backwards else ("first", "after")
        info, end = ("Previous", "start") if self.walk.is_backwards else ("Next", "end")
        variables = {
            "start": _written(START),
            "end": _written(END),
            "ids": self.ids,
            "statuses": self.walk.statuses,
            "order": self.walk.order.name,
            count: self.walk.size,
        }
        while True:
            data = run_document(self.platform, PAGE, variables, analytics, self.organization, NOW)
            page = data["callAnalytics"]["calls"]
            yield page
            if not page["pageInfo"][f"has{info}Page"]:
                return
            variables[cursor] = page["pageInfo"][f"{end}Cursor"]


def _written(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"


def _fill(platform: Platform, walk: Walk) -> Listed:
    platform.clear()
    organization, other = platform.add_organization(), platform.add_organization()
    assistants = platform.add_assistants(organization, 3)
    assistants += [platform.add_assistant(other), 2**31 - 1]
    calls = [
        {"assistant_id": assistants[number], "status": status, "started_at": moment}
        for number, status, moment in walk.calls
    ]
    platform.add_calls(calls[: walk.folded])
    platform.run(fold_rollups(platform.writer))
    platform.add_calls(calls[walk.folded :])
    return Listed(platform, organization, assistants, walk)


def _in_order(pages: list[dict[str, Any]], walk: Walk) -> list[dict[str, Any]]:
    """The edges of all pages, in the list's order."""
    if walk.is_backwards:
        pages = pages[::-1]
    return [edge for page in pages for edge in page["edges"]]


@pytest.mark.generates_documents
@given(walk=walks)
@hypothesis_settings(max_examples=25)
def test_the_pages_of_any_list_are_the_oracle_s(platform: Platform, walk: Walk) -> None:
    its = _fill(platform, walk)
    expected = its.expected()

    for may_use_rollups in (True, False):
        pages = list(its.pages(may_use_rollups=may_use_rollups))
        edges = _in_order(pages, walk)

        assert [edge["node"] for edge in edges] == [
            {
                "id": str(call["id"]),
                "status": call["status"],
                "startedAt": f"{call['started_at'].isoformat()}+00:00",
                "assistant": {"id": call["assistant_id"]},
            }
            for call in expected
        ]
        assert [len(page["edges"]) for page in pages[:-1]] == [walk.size] * (len(pages) - 1)
        for number, page in enumerate(pages[::-1] if walk.is_backwards else pages):
            cursors = [edge["cursor"] for edge in page["edges"]]
            assert page["totalCount"] == len(expected)
            assert page["nodes"] == [{"id": edge["node"]["id"]} for edge in page["edges"]]
            assert page["pageInfo"] == {
                "hasNextPage": number < len(pages) - 1,
                "hasPreviousPage": number > 0,
                "startCursor": cursors[0] if cursors else None,
                "endCursor": cursors[-1] if cursors else None,
            }


changes = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, 2), moments),
        st.tuples(st.just("delete"), st.integers(0, 30), st.none()),
        st.tuples(st.just("move"), st.integers(0, 30), moments),
    ),
    max_size=2,
)


@pytest.mark.generates_documents
@given(walk=walks, writes=st.lists(changes, max_size=8))
@hypothesis_settings(max_examples=20)
def test_a_walk_beside_writers_meets_each_call_that_stays_once(
    platform: Platform, walk: Walk, writes: list[list[tuple[str, int, Any]]]
) -> None:
    its = _fill(platform, walk)
    staying = {call["id"]: call for call in its.expected()}
    left = iter(writes)
    pages = []

    for page in its.pages():
        pages.append(page)
        assert len(pages) < 30  # it ends
        for kind, number, moment in next(left, ()):
            _write(its, staying, kind, number, moment)

    found = [int(edge["node"]["id"]) for edge in _in_order(pages, walk)]
    assert [number for number in found if number in staying] == list(staying)


def _write(
    its: Listed, staying: dict[int, oracle.Row], kind: str, number: int, moment: Any
) -> None:
    platform = its.platform
    if kind == "insert":
        platform.add_calls([{"assistant_id": its.assistants[number], "started_at": moment}])
    elif platform.calls:
        call = platform.calls[number % len(platform.calls)]
        if kind == "delete":
            platform.calls.remove(call)
            platform.run(platform.execute(delete(Call).where(Call.id == call["id"])))
        else:
            change = update(Call).where(Call.id == call["id"]).values(started_at=moment)
            platform.run(platform.execute(change))
            call["started_at"] = moment
        # A call that was moved within the window may be met at either place, or twice.
        staying.pop(call["id"], None)


@pytest.mark.parametrize("is_earliest", [False, True])
@pytest.mark.parametrize("assistants", [None, (0, 1, 2)])
def test_databases_with_and_without_organizations_of_calls_have_the_same_pages(
    platform: Platform, tenant: Tenant, assistants: tuple[int, ...] | None, *, is_earliest: bool
) -> None:
    ids = assistants and tuple(tenant.assistants[number] for number in assistants)
    window = Window((NOW - timedelta(days=60)).replace(tzinfo=None))
    query = FigureQuery(tenant.organization_id, (window,), (), ids)
    middle = Position((NOW - timedelta(days=30)).replace(tzinfo=None), 0)
    page = PageQuery(
        0,
        4,
        is_earliest=is_earliest,
        above=middle if is_earliest else None,
        below=None if is_earliest else middle,
        statuses=("busy", "failed"),
    )

    async def read(tenancy: Tenancy) -> CallRows:
        async with connect(platform.reader) as connection:
            return cast("CallRows", await reading_of_page(query, page)(connection, tenancy))

    found = [platform.run(read(tenancy)) for tenancy in Tenancy]

    assert len(found[0].calls) == 4
    assert found[0].has_earlier
    assert found[0].has_later
    assert found[0] == found[1]


def _one(ask: Ask, **name: Any) -> Any:
    document = """query($id: ID, $callSid: String) { call(id: $id, callSid: $callSid) {
        id callSid assistant { name isActive } toPhoneNumber customerPhoneNumber
        status duration startedAt endedAt } }"""
    return ask(document, name)["data"]["call"]


def test_a_call_is_found_by_its_names(ask: Ask, platform: Platform, tenant: Tenant) -> None:
    platform.add_calls([{"assistant_id": tenant.assistants[0], "started_at": None}])
    call = platform.calls[-1]

    found = _one(ask, id=str(call["id"]))

    assert found == {
        "id": str(call["id"]),
        "callSid": call["call_sid"],
        "assistant": {"name": f"Assistant {tenant.assistants[0]}", "isActive": True},
        "toPhoneNumber": "+15550001",
        "customerPhoneNumber": "+15550002",
        "status": "completed",
        "duration": 60,
        "startedAt": None,
        "endedAt": None,
    }
    assert _one(ask, callSid=call["call_sid"]) == found


def test_what_is_another_organization_s_is_as_what_is_not_there(
    ask: Ask, client: TestClient, platform: Platform, tenant: Tenant
) -> None:
    other = make_tenant(platform)
    theirs = platform.calls[-1]
    assert theirs["assistant_id"] in other.assistants
    page = """query($ids: [Int!], $after: String) { callAnalytics(assistantIds: $ids) {
        calls(after: $after) { totalCount pageInfo { endCursor } nodes { id } } } }"""
    cursors = [
        client.post("/graphql", json={"query": page}, headers=one.headers).json()["data"][
            "callAnalytics"
        ]["calls"]["pageInfo"]["endCursor"]
        for one in (tenant, other)
    ]

    for name in (str(theirs["id"]), "0", "-1", "x", "٣", "9" * 30, str(2**63)):
        assert _one(ask, id=name) is None
    for name in (theirs["call_sid"], "", "\0", "CA" * 9_000):
        assert _one(ask, callSid=name) is None
    assert ask(page, {"ids": other.assistants}) == ask(page, {"ids": [1]})
    assert "errors" not in ask(page, {"after": cursors[0]})
    for cursor in (cursors[1], cursors[0][:-1], "", "AAAA" * 8, "٣" * 32):
        answer = ask(page, {"after": cursor})
        assert [error["message"] for error in answer["errors"]] == [
            "calls: `after` is no cursor of your calls; send one as an earlier page had it."
        ]


def test_numbers_are_hidden_where_the_operator_says_so(
    service: ServiceFactory, platform: Platform, tenant: Tenant
) -> None:
    numbers = ["+49 151 2345-6789", "911", "sip:anna@example.org", ""]
    platform.add_calls(
        [
            {
                "assistant_id": tenant.assistants[0],
                "started_at": NOW.replace(tzinfo=None),
                "to_phone_number": number,
                "customer_phone_number": number,
            }
            for number in numbers
        ]
    )
    document = """{ callAnalytics { calls(first: 4, order: NEWEST_FIRST) {
        nodes { toPhoneNumber customerPhoneNumber } } } }"""

    for hides, expected in ((False, numbers), (True, ["***6789", "***911", "***", "***"])):
        client = service(hide_phone_numbers=hides)
        answer = client.post("/graphql", json={"query": document}, headers=tenant.headers).json()

        nodes = answer["data"]["callAnalytics"]["calls"]["nodes"]
        for name in ("toPhoneNumber", "customerPhoneNumber"):
            assert [node[name] for node in nodes] == expected[::-1]


def test_what_is_not_selected_is_not_read(ask: Ask) -> None:
    def statements(selected: str) -> int:
        with recorded_statements() as found:
            answer = ask(f'{{ callAnalytics {{ calls(statuses: ["busy"]) {{ {selected} }} }} }}')
        assert "errors" not in answer
        return sum(statement.lstrip().startswith(("SELECT", "WITH")) for statement in found)

    ask("{ callAnalytics { calls { totalCount } } }")

    assert statements("__typename") == 0
    assert statements("totalCount") == 1
    assert statements("nodes { id }") == 1
    assert statements("nodes { id assistant { name } } totalCount") == 2
