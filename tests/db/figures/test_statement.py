"""The statement of an answer: no more than is asked for, and never a scan of ``calls``."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from sqlalchemy import text

from call_analytics.db.engine import connect
from call_analytics.db.figures.measures import CALLS, MEASURES
from call_analytics.db.figures.query import (
    ASSISTANT,
    CallsBelow,
    FigureQuery,
    Figures,
    Group,
    NearestRanks,
    Ranking,
    Steps,
    Window,
)
from call_analytics.db.figures.reader import statement_for
from call_analytics.db.rollups.grains import DAY
from call_analytics.db.tenant import Tenancy
from tests.platform import NOW, Platform

FEW, ALL = frozenset({CALLS}), frozenset(MEASURES)
DAYS = Steps(rest=DAY)
EVERY_SELECTION = [
    tuple(group for group in groups if group is not None)
    for groups in product(
        (None, Group(FEW), Group(ALL)),
        (None, Group(FEW, steps=DAYS), Group(ALL, steps=DAYS)),
        (None, *(Group(measures, (ASSISTANT,), ranking=Ranking(10)) for measures in (FEW, ALL))),
    )
    if any(groups)
]
EVERYTHING = EVERY_SELECTION[-1]
EVERY_PLAN = [
    groups for groups in EVERY_SELECTION if len({group.measures for group in groups}) == 1
]
"""A plan depends on which groups there are, and on whether the index has all that they need."""
START = NOW.replace(tzinfo=None)
SERIES = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) "
    "SELECT n FROM s",
    "postgresql": "SELECT n FROM generate_series(1, {count}) AS s(n)",
}
INDEXES = {
    "ix_calls_organization_started": "calls",
    "ix_calls_analytics": "calls",
    "call_rollups_assistants_pkey": "call_rollups_assistants",
    "call_rollups_organizations_pkey": "call_rollups_organizations",
    "ix_call_rollups_log_key": "call_rollups_log",
}
"""The table that is read by each index; of the calls, in a managed and in an attached database."""
OF_ASSISTANTS = ("assistant_id = ANY", "started_at >=", "started_at <")
CONDITIONS = {
    "calls": ("organization_id =", "started_at >=", "started_at <"),
    "call_rollups_assistants": ("organization_id =", "grain =", "bucket >=", "bucket <"),
    "call_rollups_organizations": ("organization_id =", "grain =", "bucket >=", "bucket <"),
    "call_rollups_log": ("assistant_id = ANY",),
}
"""What an index is searched for, so that no more rows are read than a tile has."""
SQLITE_SEARCHES = {
    (
        "SEARCH calls USING COVERING INDEX ix_calls_organization_started "
        "(organization_id=? AND started_at>? AND started_at<?)"
    ),
    (  # in an attached database
        "SEARCH calls USING COVERING INDEX ix_calls_analytics "
        "(assistant_id=? AND started_at>? AND started_at<?)"
    ),
    *(
        f"SEARCH {table} USING PRIMARY KEY "
        "(organization_id=? AND grain=? AND bucket>? AND bucket<?)"
        for table in ("call_rollups_assistants", "call_rollups_organizations")
    ),
    "SEARCH call_rollups_log USING INDEX ix_call_rollups_log_key (assistant_id=?)",
    (
        "SEARCH call_rollups_log USING INDEX ix_call_rollups_log_key "
        "(assistant_id=? AND bucket>? AND bucket<?)"
    ),
}
BULK = """
INSERT INTO calls (call_sid, {key}, to_phone_number, customer_phone_number, status,
                   duration, started_at)
SELECT 'bulk-' || {assistant} || '-' || n, {owner}, '', '', 'completed', n % 600,
       {started_at}
FROM ({series}) AS numbers
"""
STARTED_AT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', '2026-03-10 12:00', (-n * 13) || ' minutes') || '000'",
    "postgresql": "timestamp '2026-03-10 12:00' - n * interval '13 minutes'",
}


@pytest.mark.parametrize("use_rollups", [False, True])
def test_totals_alone_compute_nothing_else(platform: Platform, *, use_rollups: bool) -> None:
    sql = _sql(platform, (Group(FEW),), use_rollups=use_rollups)

    assert "assistant_name" not in sql.replace("as assistant_name", "")
    assert "duration, 0)" not in sql
    assert "duration !=" not in sql


def test_percentiles_and_histograms_are_told_apart(platform: Platform) -> None:
    """Statements are remembered by what they depend on."""
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    platform.add_calls([{"assistant_id": assistant, "status": "completed", "duration": 5}] * 3)
    ranks, below = NearestRanks((Decimal(1),)), CallsBelow((6,))
    window = Window(START - timedelta(days=90))

    for groups, expected in (
        ((ranks,), [(5, None)]),
        ((below,), [(None, 3)]),
        ((ranks, below), [(5, None), (None, 3)]),
        ((below, ranks), [(None, 3), (5, None)]),
    ):
        query = FigureQuery(organization, (window,), groups)
        figures = platform.run(platform.figures.read(query))
        found = [(row.averaged_duration, row.calls) for (row,) in figures.groups]
        assert found == expected


def test_calls_are_read_once(platform: Platform) -> None:
    bounds = {"sqlite": 2, "postgresql": 1}[platform.reader.dialect.name]  # of one read
    for groups in EVERY_SELECTION:
        assert _sql(platform, groups, use_rollups=False).count("started_at >=") == bounds


def _sql(platform: Platform, groups: tuple[Group, ...], *, use_rollups: bool) -> str:
    query = FigureQuery(1, (Window(START),), groups)
    dialect = platform.reader.dialect
    statement, _ = statement_for(query, dialect.name, platform.shape(), use_rollups=use_rollups)
    return str(statement.compile(dialect=dialect)).lower()


@pytest.mark.slow
def test_only_the_organization_s_part_of_the_index_is_read(platform: Platform) -> None:
    """It is one range for each tile, whatever the number of assistants."""
    _assert_little_is_read(platform, CONDITIONS)


@pytest.mark.slow
def test_only_the_assistants_part_of_the_index_is_read(rolled_up: Platform) -> None:
    """Of an attached database."""
    if rolled_up.reader.dialect.name == "postgresql":
        index = (
            "CREATE INDEX ix_calls_analytics ON calls (assistant_id, started_at, status, duration)"
        )
        rolled_up.run(rolled_up.execute(text(index)))
    _assert_little_is_read(rolled_up, CONDITIONS | {"calls": OF_ASSISTANTS})


def _assert_little_is_read(platform: Platform, conditions: dict[str, tuple[str, ...]]) -> None:
    huge, small = platform.add_organization(), platform.add_organization()
    for _ in range(4):
        _add_bulk(platform, platform.add_assistant(huge), 5_000)
    small_assistant = platform.add_assistant(small)
    _add_bulk(platform, small_assistant, 50)

    for analyzed in (False, True):
        if analyzed:
            platform.run(_analyze(platform))
        for organization in (huge, small):
            for days in (1, 90):
                window = Window(START - timedelta(days=days, minutes=25))
                for groups, use_rollups in product(EVERY_PLAN, (False, True)):
                    query = FigureQuery(organization, (window,), groups)
                    plan = platform.run(_explain(platform, query, use_rollups=use_rollups))
                    _assert_index_only(platform, plan, conditions)


@pytest.mark.parametrize("use_rollups", [False, True])
def test_a_commit_in_mid_answer_cannot_make_its_parts_disagree(
    platform: Platform, *, use_rollups: bool
) -> None:
    reader = platform.figures if use_rollups else platform.raw_figures
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    query = FigureQuery(organization, (Window(START - timedelta(days=90)),), EVERYTHING)

    writes = [_bulk(platform, assistant, f"SELECT {number} AS n") for number in range(150)]

    async def write() -> None:
        for sql in writes:
            await platform.execute(text(sql))

    async def read_while_writing() -> list[Figures]:
        writing = asyncio.create_task(write())
        answers = []
        while not writing.done():
            answers.append(await reader.read(query))
        await writing
        return answers

    answers = platform.run(read_while_writing())

    assert len({answer.groups[0][0].calls for answer in answers}) > 1, "nothing was written"
    for answer in answers:
        assert answer.from_rollups is use_rollups
        (totals,), *lists = answer.groups
        for rows in lists:
            for measure in MEASURES:
                parts = sum(getattr(row, measure.name) for row in rows)
                assert parts == getattr(totals, measure.name)


def _add_bulk(platform: Platform, assistant: int, count: int) -> None:
    series = SERIES[platform.reader.dialect.name].format(count=count)
    platform.run(platform.execute(text(_bulk(platform, assistant, series))))


def _bulk(platform: Platform, assistant: int, series: str) -> str:
    (row,) = (row for row in platform.assistants if row["id"] == assistant)
    has_key = platform.tenancy() is Tenancy.BY_ORGANIZATION
    sql = BULK.format(
        key="assistant_id, organization_id" if has_key else "assistant_id",
        owner=f"{assistant}, {row['organization_id']}" if has_key else assistant,
        assistant=assistant,
        series=series,
        started_at=STARTED_AT[platform.reader.dialect.name],
    )
    return sql.replace(":", "\\:")


async def _analyze(platform: Platform) -> None:
    async with platform.writer.execution_options(
        isolation_level="AUTOCOMMIT"
    ).connect() as connection:
        verb = {"sqlite": "ANALYZE", "postgresql": "VACUUM ANALYZE"}
        await connection.execute(text(verb[connection.dialect.name]))


async def _explain(
    platform: Platform, query: FigureQuery, *, use_rollups: bool
) -> list[dict[str, Any]]:
    """The nodes of the plan that read calls or their rollups."""
    dialect = platform.reader.dialect
    statement, parameters = statement_for(
        query, dialect.name, platform.shape(), use_rollups=use_rollups
    )
    compiled = statement.compile(dialect=dialect)
    values = compiled.construct_params(parameters)
    assert compiled.positiontup is not None
    in_order = tuple(values[name] for name in compiled.positiontup)
    async with connect(platform.reader) as connection:
        if connection.dialect.name == "sqlite":
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", in_order)
            return [
                {"detail": row.detail}
                for row in rows
                if set(INDEXES.values()) & set(row.detail.split())
            ]
        found = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", in_order)
        plans = found.scalar_one()
        plans = json.loads(plans) if isinstance(plans, str) else plans
        return [node for node in _nodes(plans[0]["Plan"]) if _reads_calls(node)]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def _reads_calls(node: dict[str, Any]) -> bool:
    return node.get("Relation Name") in INDEXES.values() or node.get("Index Name") in INDEXES


def _assert_index_only(
    platform: Platform, nodes: list[dict[str, Any]], conditions: dict[str, tuple[str, ...]]
) -> None:
    assert nodes
    for node in nodes:
        if platform.reader.dialect.name == "sqlite":
            assert node["detail"] in SQLITE_SEARCHES
        elif node["Node Type"] != "Bitmap Heap Scan":  # the scan of the index is below it
            assert node["Node Type"] in {"Index Only Scan", "Index Scan", "Bitmap Index Scan"}
            assert node["Index Name"] in INDEXES
            for condition in conditions[INDEXES[node["Index Name"]]]:
                assert condition in node["Index Cond"]
