"""SQL functions that each database writes in its own way; part of the dialect seam."""

from typing import Any

from sqlalchemy import BigInteger, DateTime, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _UTCBucket(FunctionElement[Any]):
    """The UTC bucket in which a stored timestamp is; each subclass has its two SQL templates."""

    type = DateTime()
    inherit_cache = True
    on_postgresql: str
    on_sqlite: str
    """Timestamps are ISO 8601 text there; cutting it is five times faster than ``date()``."""


class utc_quarter_hour(_UTCBucket):  # noqa: N801 - reads as the SQL function it is
    """The start of the UTC quarter hour of a stored timestamp, as a timestamp."""

    inherit_cache = True
    on_postgresql = "date_bin('15 minutes', CAST({0} AS TIMESTAMP), TIMESTAMP '2000-01-01')"
    on_sqlite = (
        "(substr({0}, 1, 14) || "
        "substr('00153045', substr({0}, 15, 2) / 15 * 2 + 1, 2) || ':00.000000')"
    )


class utc_hour(_UTCBucket):  # noqa: N801 - reads as the SQL function it is
    """The start of the UTC hour of a stored timestamp, as a timestamp."""

    inherit_cache = True
    on_postgresql = "CAST(date_trunc('hour', {}) AS TIMESTAMP)"
    on_sqlite = "(substr({}, 1, 13) || ':00:00.000000')"


class utc_day(_UTCBucket):  # noqa: N801 - reads as the SQL function it is
    """The start of the UTC day of a stored timestamp, as a timestamp."""

    inherit_cache = True
    on_postgresql = "CAST(date_trunc('day', {}) AS TIMESTAMP)"
    on_sqlite = "(substr({}, 1, 10) || ' 00:00:00.000000')"


class utc_month(_UTCBucket):  # noqa: N801 - reads as the SQL function it is
    """The start of the UTC month of a stored timestamp, as a timestamp."""

    inherit_cache = True
    on_postgresql = "CAST(date_trunc('month', {}) AS TIMESTAMP)"
    on_sqlite = "(substr({}, 1, 7) || '-01 00:00:00.000000')"


@compiles(_UTCBucket, "postgresql")
def _utc_bucket_postgresql(element: _UTCBucket, compiler: SQLCompiler, **kwargs: Any) -> str:
    return element.on_postgresql.format(compiler.process(element.clauses, **kwargs))


@compiles(_UTCBucket, "sqlite")
def _utc_bucket_sqlite(element: _UTCBucket, compiler: SQLCompiler, **kwargs: Any) -> str:
    return element.on_sqlite.format(compiler.process(element.clauses, **kwargs))


class hour_of_week(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function it is
    """``hour_of_week(moment, monday)``: the hour of the week in which a stored timestamp is.

    Weeks are counted from ``monday``, a timestamp before or after it. The result is a timestamp of
    the week that begins on 2000-01-03.
    """

    type = DateTime()
    inherit_cache = True


@compiles(hour_of_week, "postgresql")
def _hour_of_week_postgresql(element: hour_of_week, compiler: SQLCompiler, **kwargs: Any) -> str:
    moment, monday = (compiler.process(clause, **kwargs) for clause in element.clauses)
    moment = f"CAST({moment} AS TIMESTAMP)"
    return (
        f"(TIMESTAMP '2000-01-03' + (date_bin('1 hour', {moment}, {monday}) "
        f"- date_bin('7 days', {moment}, {monday})))"
    )


@compiles(hour_of_week, "sqlite")
def _hour_of_week_sqlite(element: hour_of_week, compiler: SQLCompiler, **kwargs: Any) -> str:
    moment, monday = (compiler.process(clause, **kwargs) for clause in element.clauses)
    seconds = (
        f"(CAST(strftime('%s', {moment}) AS INTEGER) - CAST(strftime('%s', {monday}) AS INTEGER))"
    )
    # The remainder of a negative number is negative in SQL.
    hours = f"(({seconds} % 604800 + 604800) % 604800 / 3600)"
    return f"(datetime('2000-01-03', '+' || {hours} || ' hours') || '.000000')"


class nearest_rank(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function it is
    """``nearest_rank(share, number)``: the smallest whole number that is at least the product.

    Exact: the share is a decimal number. SQLite has none, and is given this function for each
    connection (see ``dialects.py``); there the share is text.
    """

    type = BigInteger()
    inherit_cache = True


@compiles(nearest_rank, "postgresql")
def _nearest_rank_postgresql(element: nearest_rank, compiler: SQLCompiler, **kwargs: Any) -> str:
    share, number = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"CAST(ceil({share} * {number}) AS BIGINT)"


@compiles(nearest_rank, "sqlite")
def _nearest_rank_sqlite(element: nearest_rank, compiler: SQLCompiler, **kwargs: Any) -> str:
    share, number = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"nearest_rank({share}, {number})"


class by_character(FunctionElement[Any]):  # noqa: N801 - reads as the SQL expression it is
    """A text, so that it is ordered by the numbers of its characters in Unicode."""

    type = String()
    inherit_cache = True


@compiles(by_character, "postgresql")
def _by_character_postgresql(element: by_character, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f'({compiler.process(element.clauses, **kwargs)} COLLATE "C")'


@compiles(by_character, "sqlite")
def _by_character_sqlite(element: by_character, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"({compiler.process(element.clauses, **kwargs)} COLLATE BINARY)"


class is_instant(FunctionElement[Any]):  # noqa: N801 - reads as the SQL operator it is
    """Whether a stored timestamp is an instant of the years 1 to 9999; nothing else counts."""

    inherit_cache = True  # and no Boolean type, which SQLite would compare with 1


@compiles(is_instant, "postgresql")
def _is_instant_postgresql(element: is_instant, compiler: SQLCompiler, **kwargs: Any) -> str:
    # Two ends of a range, for an index; infinities and years before Christ are outside.
    moment = compiler.process(element.clauses, **kwargs)
    return f"({moment} >= TIMESTAMP '0001-01-01' AND {moment} < TIMESTAMP '10000-01-01')"


@compiles(is_instant, "sqlite")
def _is_instant_sqlite(element: is_instant, compiler: SQLCompiler, **kwargs: Any) -> str:
    # A column takes any text, so the form itself is looked at: the one that the driver writes.
    # A modifier makes datetime() mend the 30th of February, which then is not what is stored. The
    # plus keeps the planner from taking this bound instead of the window's.
    moment = compiler.process(element.clauses, **kwargs)
    fraction = "[0-9]" * 6
    return (
        f"({moment} GLOB '????-??-?? ??:??:??.{fraction}' AND +{moment} >= '0001' "
        f"AND datetime(substr({moment}, 1, 19), '+0 days') = substr({moment}, 1, 19))"
    )


class is_within(FunctionElement[Any]):  # noqa: N801 - reads as the SQL operator it is
    """``is_within(moment, start, end)``: whether a stored timestamp is an instant between the two.

    The start counts, the end does not; it may be the end of time.
    """

    inherit_cache = True  # and no Boolean type, which SQLite would compare with 1


@compiles(is_within, "postgresql")
def _is_within_postgresql(element: is_within, compiler: SQLCompiler, **kwargs: Any) -> str:
    # No start is before the year 1. Two bounds, and not four, are looked at for each row.
    moment, start, end = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"({moment} >= {start} AND {moment} < LEAST({end}, TIMESTAMP '10000-01-01'))"


@compiles(is_within, "sqlite")
def _is_within_sqlite(element: is_within, compiler: SQLCompiler, **kwargs: Any) -> str:
    moment, *_ = element.clauses
    bounded, start, end = (compiler.process(clause, **kwargs) for clause in element.clauses)
    instant = compiler.process(is_instant(moment), **kwargs)
    return f"({bounded} >= {start} AND {bounded} < {end} AND {instant})"


class among(FunctionElement[Any]):  # noqa: N801 - reads as the SQL operator it is
    """``among(column, subquery)``: whether the subquery yields the column's value.

    The subquery is evaluated first and drives one index look-up for each of its values. A plain
    IN or a join would let PostgreSQL's planner read the whole table and filter afterwards.
    """

    inherit_cache = True  # and no Boolean type, which SQLite would compare with 1


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, subquery = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"{column} = ANY (ARRAY{subquery})"


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, subquery = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"{column} IN {subquery}"


class is_between(FunctionElement[Any]):  # noqa: N801 - reads as the SQL operator it is
    """``is_between(moment, id, first_moment, first_id, last_moment, last_id)``.

    Whether a call has its place between two others in the order of stored timestamps and, at the
    same timestamp, of ids. Both ends count. Timestamps that are no instants have no place.
    """

    inherit_cache = True  # and no Boolean type, which SQLite would compare with 1


@compiles(is_between, "postgresql")
def _is_between_postgresql(element: is_between, compiler: SQLCompiler, **kwargs: Any) -> str:
    # The driver sends infinity for the end of the year 9999.
    moment, number, first, first_id, last, last_id = (
        compiler.process(clause, **kwargs) for clause in element.clauses
    )
    end = "TIMESTAMP '9999-12-31 23:59:59.999999'"
    return (
        f"(({moment}, {number}) >= ({first}, {first_id}) "
        f"AND ({moment}, {number}) <= (LEAST({last}, {end}), {last_id}))"
    )


@compiles(is_between, "sqlite")
def _is_between_sqlite(element: is_between, compiler: SQLCompiler, **kwargs: Any) -> str:
    moment, *_ = element.clauses
    its, number, first, first_id, last, last_id = (
        compiler.process(clause, **kwargs) for clause in element.clauses
    )
    instant = compiler.process(is_instant(moment), **kwargs)
    return (
        f"(({its}, {number}) >= ({first}, {first_id}) "
        f"AND ({its}, {number}) <= ({last}, {last_id}) AND {instant})"
    )
