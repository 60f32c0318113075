"""Errors about names that do not exist: what they say instead."""

from typing import Any

import pytest
from graphql import build_schema, execute_sync, parse, validate
from starlette.testclient import TestClient

from call_analytics.schema.suggestions import LONGEST_MESSAGE, with_known_names
from tests.tenants import Tenant

WIDE = " ".join(f"aRatherLongName{number}: Int" for number in range(40))
SCHEMA = build_schema(
    """
    directive @cached(seconds: Int) on FIELD
    enum Status { completed failed }
    input Filter { statuses: [Status!], within: Filter, least: Int }
    interface Named { name: String }
    type Person implements Named { name: String }
    type Group { people(filter: Filter, status: Status): [Person] title: String }
    union Member = Person | Group
    type Query { member: Member named: Named group: Group wide: Wide }
    """
    f"type Wide {{ {WIDE} }}"
)
PEOPLE = "query($filter: Filter) { group { people(filter: $filter) { name } } }"
FILTER_FIELDS = "Its fields: statuses, within, least."
STATUSES = "Its values: completed, failed."


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


def messages(document: str, variables: dict[str, Any] | None = None) -> list[str]:
    """The messages of what is wrong with a document, or with its variables."""
    ast = parse(document)
    errors = validate(SCHEMA, ast, hide_suggestions=True)
    if not errors:
        errors = (
            execute_sync(SCHEMA, ast, variable_values=variables, hide_suggestions=True).errors or []
        )
    return [error.message for error in with_known_names(errors, SCHEMA, ast, variables)]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            "{ groups { title } }",
            "Cannot query field 'groups' on type 'Query'. Did you mean 'group'?",
        ),
        (
            "{ group { size } }",
            "Cannot query field 'size' on type 'Group'. Its fields: people, title.",
        ),
        ("{ named { size } }", "Cannot query field 'size' on type 'Named'. Its fields: name."),
        ("{ member { size } }", "Cannot query field 'size' on type 'Member'."),
        (
            "{ group { people(stat: failed) { name } } }",
            "Unknown argument 'stat' on field 'Group.people'. Did you mean 'status'?",
        ),
        (
            "{ group { people(limit: 1) { name } } }",
            "Unknown argument 'limit' on field 'Group.people'. Its arguments: filter, status.",
        ),
        (
            "{ group { title(limit: 1) } }",
            "Unknown argument 'limit' on field 'Group.title'.",
        ),
        (
            "{ group @cached(hours: 1) { title } }",
            "Unknown argument 'hours' on directive '@cached'. Its arguments: seconds.",
        ),
        ("{ ... on Querys { __typename } }", "Unknown type 'Querys'. Did you mean 'Query'?"),
        (
            "{ group { people(status: Failed) { name } } }",
            f"Value 'Failed' does not exist in 'Status' enum. {STATUSES}",
        ),
        (
            '{ group { people(status: "failed") { name } } }',
            f"Enum 'Status' cannot represent non-enum value: \"failed\". {STATUSES}",
        ),
        (
            "{ group { people(filter: {within: {statuses: [completed, lost]}}) { name } } }",
            f"Value 'lost' does not exist in 'Status' enum. {STATUSES}",
        ),
        (
            "{ group { people(filter: {stats: failed}) { name } } }",
            (
                "Expected value of type 'Filter' not to include unknown field 'stats', "
                "found: { stats: failed }. Did you mean 'statuses'?"
            ),
        ),
        (
            "query($s: Status = lost) { group { people(status: $s) { name } } }",
            f"Value 'lost' does not exist in 'Status' enum. {STATUSES}",
        ),
        (
            '{ group { people(filter: {least: "x"}) { name } } }',
            'Int cannot represent non-integer value: "x"',
        ),
        (
            "{ group }",
            (
                "Field 'group' of type 'Group' must have a selection of subfields. "
                "Did you mean 'group { ... }'?"
            ),
        ),
    ],
)
def test_a_wrong_name_in_a_document(document: str, message: str) -> None:
    assert messages(document) == [message]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"within": {"statuses": ["failed", "lost"]}},
            (
                "Variable '$filter' has invalid value at .within.statuses[1]: "
                f"Value 'lost' does not exist in 'Status' enum. {STATUSES}"
            ),
        ),
        (
            {"within": {"size": 1}},
            (
                "Variable '$filter' has invalid value at .within: Expected value of type 'Filter' "
                f"not to include unknown field 'size', found: {{'size': 1}}. {FILTER_FIELDS}"
            ),
        ),
        (
            "failed",
            (
                "Variable '$filter' has invalid value: Expected value of type 'Filter' to be an "
                f"object, found: 'failed'. {FILTER_FIELDS}"
            ),
        ),
        (
            {"least": "x"},
            (
                "Variable '$filter' has invalid value at .least: Int cannot represent non-integer "
                "value: 'x'"
            ),
        ),
    ],
)
def test_a_wrong_name_in_a_variable(value: Any, message: str) -> None:
    assert messages(PEOPLE, {"filter": value}) == [message]


def test_every_error_has_the_names_of_its_own_place() -> None:
    document = "{ group { size people { age } } named { size } }"

    assert [message.partition(". ")[2] for message in messages(document)] == [
        "Its fields: people, title.",
        "Its fields: name.",
        "Its fields: name.",
    ]


@pytest.mark.parametrize(("length", "end"), [(328, ": people, title."), (350, " on type 'Group'.")])
def test_as_many_names_are_told_as_there_is_room_for(length: int, end: str) -> None:
    (message,) = messages("{ wide { size } }")
    assert message.endswith(" aRatherLongName17 and 22 more.")
    assert len(message) <= LONGEST_MESSAGE

    (message,) = messages(f"{{ group {{ {'x' * length} }} }}")
    assert message.endswith(end)
    assert len(message) <= LONGEST_MESSAGE


def test_a_name_without_room_beside_it_is_cut(client: TestClient, tenant: Tenant) -> None:
    for length in (380, 40_000):
        body = {"query": f"{{ callAnalytics {{ {'x' * length} }} }}"}
        answer = client.post("/graphql", json=body, headers=tenant.headers).json()
        (message,) = [error["message"] for error in answer["errors"]]

        assert message == f"Cannot query field '{'x' * 380}"[: LONGEST_MESSAGE - 3] + "..."


def test_a_client_learns_the_names(client: TestClient, tenant: Tenant) -> None:
    def message(query: str, variables: dict[str, Any] | None = None) -> str:
        body = {"query": query, "variables": variables}
        answer = client.post("/graphql", json=body, headers=tenant.headers).json()
        return str(answer["errors"][0]["message"])

    assert message("{ figures }") == (
        "Cannot query field 'figures' on type 'Query'. Its fields: callAnalytics, organization, "
        "call, limits."
    )
    assert message("{ callAnalytics { dailyStats { day } } }") == (
        "Cannot query field 'day' on type 'DailyStat'. Its fields: date, total, completed, failed."
    )
    assert message("query($p: Period!) { callAnalytics(period: $p) { id } }") == (
        "Variable '$p' has invalid value: Expected a value of non-null type 'Period!' to be "
        "provided. Its values: LAST_1_DAY, LAST_7_DAYS, LAST_30_DAYS, LAST_90_DAYS, TODAY, "
        "THIS_WEEK, THIS_MONTH, THIS_QUARTER, THIS_YEAR, YESTERDAY, LAST_WEEK, LAST_MONTH, "
        "LAST_QUARTER, LAST_YEAR."
    )
