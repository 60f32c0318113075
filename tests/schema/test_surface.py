"""Whatever is selected, of any window, zone and assistants: the oracle's answer."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import pytest
from graphql import GraphQLObjectType
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from strawberry.utils.str_converters import to_camel_case

from call_analytics.db.replicas.servers import Servers
from call_analytics.db.rollups.folding import fold_rollups
from call_analytics.resolvers.analytics import Analytics
from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.figures import FIGURES
from call_analytics.schema.query import core_schema
from tests import oracle
from tests.oracle import Answer
from tests.platform import Platform
from tests.schema.running import run_document
from tests.zones import ZONES

Draw = Callable[[Any], Any]

FIELDS = [to_camel_case(figure) for figure in FIGURES]
STATUSES = ("completed", "failed", "ongoing", "busy", "Completed", "no-answer", "ümlaut")
SHORT = ("LAST_1_DAY", "TODAY", "YESTERDAY", "LAST_7_DAYS", "THIS_WEEK", "LAST_WEEK")
MIDDLING = ("LAST_30_DAYS", "THIS_MONTH", "LAST_MONTH")
LONG = ("LAST_90_DAYS", "THIS_QUARTER", "LAST_QUARTER", "THIS_YEAR", "LAST_YEAR")
GRAINS = ("MONTH", "WEEK", "DAY", "HOUR", "QUARTER_HOUR")
NAMES = ("Zoe", "adam", "Ärger", "Adam", "Zoe", "中", "")
PERCENTS = (0.1, 25, 33.3, 50, 95, 99.9, 100)
EDGES: tuple[list[int], ...] = ([], [1], [30], [20, 40, 60], [7, 30, 31, 98])


class Field(NamedTuple):
    """A field of a document, and what the oracle answers."""

    name: str
    text: str
    expected: Callable[[Answer], Any]


class Asked(NamedTuple):
    """A drawn question, and the world that it is asked of."""

    arguments: dict[str, Any]
    zone: str
    week_starts_on: str
    now: datetime
    calls: list[tuple[int, str, int | None, datetime]]
    folded: int
    """So many calls are there when it is folded; the others come later."""
    assistants: list[int] | None
    """Their numbers; those of organizations to come are nobody's."""
    fields: list[Field]


@st.composite
def questions(draw: Draw) -> Asked:
    """A question about calls near a change of a zone's clock."""
    zone = draw(st.sampled_from(ZONES))
    change = datetime.fromisoformat(draw(st.sampled_from(zone.changes)))
    near: Any = st.timedeltas(timedelta(days=-4), timedelta(days=4)) | st.sampled_from(
        [timedelta(minutes=15 * quarter) for quarter in range(-300, 300)]
    )
    far = st.timedeltas(timedelta(days=-400), timedelta(days=40))
    call = st.tuples(
        st.integers(0, len(NAMES) - 1),
        st.sampled_from(STATUSES),
        st.none() | st.just(0) | st.integers(1, 99),
        (near | near | far).map(lambda delta: (change + delta).replace(tzinfo=None)),
    )
    calls = draw(st.lists(call, max_size=25))
    now = change + draw(near)
    if not zone.has_whole_quarters:  # no zone is like that any more when a call is stamped too late
        calls = [one for one in calls if one[-1] <= now.replace(tzinfo=None)]
    arguments, grains = draw(_windows(change, near))
    return Asked(
        arguments,
        zone.name,
        draw(st.sampled_from([day.name for day in Weekday])),
        now,
        calls,
        draw(st.integers(0, len(calls))),
        draw(st.none() | st.lists(st.integers(0, len(NAMES) + 1), max_size=4)),
        draw(_selections(grains)),
    )


def _windows(change: datetime, near: Any) -> st.SearchStrategy[tuple[dict[str, Any], Any]]:
    """The arguments of a window, and the grains of its series."""

    def dates(first: timedelta, days: int) -> dict[str, Any]:
        begin = (change + first).date()
        last = begin + timedelta(days=days)
        return {"dates": {"first": begin.isoformat(), "last": last.isoformat()}}

    def instants(start: timedelta, length: timedelta) -> dict[str, Any]:
        begin = change + start
        return {"instants": {"start": begin.isoformat(), "end": (begin + length).isoformat()}}

    spans = st.timedeltas(timedelta(microseconds=1), timedelta(days=6))
    short = st.one_of(
        st.just({}),
        st.sampled_from(SHORT).map(lambda period: {"period": period}),
        st.builds(dates, near, st.integers(0, 5)),
        st.builds(instants, near, spans),
    )
    middling = st.sampled_from(MIDDLING).map(lambda period: {"period": period})
    long = st.sampled_from(LONG).map(lambda period: {"period": period})
    return st.one_of(
        st.tuples(short, st.just(GRAINS)),
        st.tuples(middling, st.just(GRAINS[:4])),
        st.tuples(long, st.just(GRAINS[:3])),
    )


@st.composite
def _selections(draw: Draw, grains: tuple[str, ...], depth: int = 2) -> list[Field]:
    """Fields of ``CallAnalytics``, each under an alias of its own."""
    kinds = ["bounds", "figures", "figures too", "daily", "series", "top", "top too", "hours"]
    kinds += ["statuses", "durations", "previous"] if depth else ["statuses", "durations"]
    # Each once, so that neither lists nor points are ever too many.
    chosen = draw(st.lists(st.sampled_from(kinds), unique=True, min_size=1, max_size=5))
    return [draw(_fields(kind, f"f{n}", grains, depth)) for n, kind in enumerate(chosen)]


@st.composite
def _fields(  # noqa: PLR0911 - one for each kind
    draw: Draw, kind: str, alias: str, grains: tuple[str, ...], depth: int
) -> Field:
    figures = draw(st.lists(st.sampled_from(FIELDS), unique=True, min_size=1, max_size=4))

    def of_list(name: str, arguments: str, own: str, rows: Callable[[Answer], Any]) -> Field:
        selected = [*own.split(), *figures]
        return Field(
            alias,
            f"{alias}: {name}{arguments} {{ {' '.join(selected)} }}",
            lambda answer: [{field: row[field] for field in selected} for row in rows(answer)],
        )

    match kind.removesuffix(" too"):
        case "bounds":
            name = draw(st.sampled_from(["timeZone", "windowStart", "windowEnd", "asOf"]))
            return Field(alias, f"{alias}: {name}", lambda answer: answer.bounds()[name])
        case "figures":
            name = figures[0]
            return Field(alias, f"{alias}: {name}", lambda answer: answer.figures()[name])
        case "daily":
            figures = draw(st.sampled_from([[], ["total"], ["completed", "failed"]]))
            return of_list("dailyStats", "", "date", Answer.daily_stats)
        case "series":
            grain = draw(st.sampled_from(grains))
            arguments = f"(grain: {grain})" if grain != "DAY" or draw(st.booleans()) else ""
            return of_list(
                "series", arguments, "start end isPartial", lambda answer: answer.series(grain)
            )
        case "top":
            limit, least = draw(st.integers(1, 8)), draw(st.integers(1, 3))
            by = draw(st.sampled_from(["NAME", *(figure.upper() for figure in FIGURES)]))
            direction = draw(st.sampled_from(["ASC", "DESC"]))
            return of_list(
                "topAssistants",
                f"(limit: {limit}, minCalls: {least}, "
                f"orderBy: {{field: {by}, direction: {direction}}})",
                "assistantId assistantName calls duration",
                lambda answer: answer.top_assistants(limit, (by, direction), least),
            )
        case "hours":
            return of_list("hoursOfWeek", "", "weekday hour", Answer.hours_of_week)
        case "statuses":
            figures = []
            own = draw(st.sampled_from(["status", "status calls", "status calls duration"]))
            return of_list("statuses", "", own, Answer.statuses)
        case "durations":
            field: Field = draw(_durations(alias))
            return field
    inner = draw(_selections(grains, depth - 1))
    return Field(
        alias,
        f"{alias}: previous {{ {' '.join(field.text for field in inner)} }}",
        lambda answer: _expected(inner, answer.previous()),
    )


@st.composite
def _durations(draw: Draw, alias: str) -> Field:
    fields = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from("mxph"), min_size=1, max_size=4))):
        name = f"d{number}"
        if kind == "m":
            fields.append(Field(name, f"{name}: min", lambda answer: answer.durations()["min"]))
        elif kind == "x":
            fields.append(Field(name, f"{name}: max", lambda answer: answer.durations()["max"]))
        elif kind == "p":
            percent = draw(st.sampled_from(PERCENTS))
            fields.append(
                Field(
                    name,
                    f"{name}: percentile(percent: {percent})",
                    partial(Answer.percentile, percent=percent),
                )
            )
        else:
            edges = draw(st.sampled_from(EDGES))
            fields.append(
                Field(
                    name,
                    f"{name}: histogram(edges: {edges}) {{ from to calls }}",
                    partial(Answer.histogram, edges=edges),
                )
            )
    return Field(
        alias,
        f"{alias}: durations {{ {' '.join(field.text for field in fields)} }}",
        lambda answer: _expected(fields, answer),
    )


def _expected(fields: list[Field], answer: Answer) -> dict[str, Any]:
    return {field.name: field.expected(answer) for field in fields}


@pytest.mark.generates_documents
@given(asked=questions())
@hypothesis_settings(max_examples=25)
def test_any_question_gets_the_oracle_s_answer(platform: Platform, asked: Asked) -> None:
    organization, assistants = _fill(platform, asked)
    ids = None if asked.assistants is None else [assistants[n] for n in asked.assistants]
    document = (
        "query($period: Period, $dates: DateRange, $instants: InstantRange, $zone: TimeZone!, "
        "$week: Weekday!, $ids: [Int!]) { callAnalytics(period: $period, dates: $dates, "
        "instants: $instants, timeZone: $zone, weekStartsOn: $week, assistantIds: $ids) "
        f"{{ {' '.join(field.text for field in asked.fields)} }} }}"
    )
    variables = {"zone": asked.zone, "week": asked.week_starts_on, "ids": ids, **asked.arguments}
    expected = oracle.answer(
        platform.calls,
        platform.assistants,
        organization=organization,
        asked=asked.arguments,
        zone=asked.zone,
        week_starts_on=asked.week_starts_on,
        assistant_ids=ids,
        now=asked.now,
    )

    for may_use_rollups in (True, False):
        analytics = Analytics(Servers(platform.reader), may_use_rollups=may_use_rollups)
        answer = run_document(platform, document, variables, analytics, organization, asked.now)

        assert answer == {"callAnalytics": _expected(asked.fields, expected)}


def _fill(platform: Platform, asked: Asked) -> tuple[int, list[int]]:
    """An organization and its assistants, then two ids: another organization's, and nobody's."""
    platform.clear()
    organization, other = platform.add_organization(), platform.add_organization()
    assistants = [platform.add_assistant(organization, name) for name in NAMES]
    stranger = platform.add_assistant(other)
    calls: list[oracle.Row] = [
        {
            "assistant_id": assistants[number],
            "status": status,
            "duration": duration,
            "started_at": moment,
        }
        for number, status, duration, moment in asked.calls
    ]
    strange = [{**call, "assistant_id": stranger} for call in calls[:3]]
    platform.add_calls(calls[: asked.folded] + strange)
    platform.run(fold_rollups(platform.writer))
    platform.add_calls(calls[asked.folded :])
    return organization, [*assistants, stranger, 2**31 - 1]


def test_every_field_is_among_those_that_are_drawn() -> None:
    type_ = core_schema.type_map["CallAnalytics"]
    assert isinstance(type_, GraphQLObjectType)
    drawn = {"timeZone", "windowStart", "windowEnd", "asOf", "dailyStats", "series"}
    drawn |= {"topAssistants", "hoursOfWeek", "statuses", "durations", "previous", *FIELDS}

    assert set(type_.fields) == drawn | {"id", "period", "calls"}
