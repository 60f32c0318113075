"""The plain baseline: what a competent developer writes in an hour.

Default Strawberry on Starlette, a session for each request, a key look-up each time, and three
aggregate statements joined on the organization. Its figures are the right ones; it is measured for
its speed. Run as ``uvicorn bench.baseline:app`` with the service's ``CALL_ANALYTICS_DATABASE_URL``.
"""

import datetime as dt
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import orjson
import strawberry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from strawberry.asgi import GraphQL

from bench.plain import BY_INDEX, dashboard_statements, statements
from call_analytics.db.addresses import parse_database_url
from call_analytics.db.models import Organization, User, UserApiKey

url = parse_database_url(os.environ["CALL_ANALYTICS_DATABASE_URL"])
by_index = bool(os.environ.get("BENCH_BY_INDEX"))
engine = create_async_engine(url, connect_args={"server_settings": BY_INDEX} if by_index else {})
sessions = async_sessionmaker(engine)


@strawberry.enum
class Period(Enum):
    LAST_1_DAY = 1
    LAST_7_DAYS = 7
    LAST_30_DAYS = 30
    LAST_90_DAYS = 90


@strawberry.type
class DailyStat:
    date: dt.date
    total: int
    completed: int
    failed: int


@strawberry.type
class AssistantStat:
    assistant_id: int
    assistant_name: str
    calls: int
    duration: float


@strawberry.type
class CallAnalytics:
    total_calls: int
    completed_calls: int
    failed_calls: int
    ongoing_calls: int
    total_duration: float
    avg_duration: float
    success_rate: float
    daily_stats: list[DailyStat]
    top_assistants: list[AssistantStat]


async def organization_of(session: AsyncSession, authorization: str) -> int:
    key_hash = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    found = await session.scalar(
        select(Organization.id)
        .join(User, User.organization_id == Organization.id)
        .join(UserApiKey, UserApiKey.user_id == User.id)
        .where(
            UserApiKey.key_hash == key_hash,
            UserApiKey.is_active,
            User.is_active,
            Organization.is_active,
        )
    )
    if found is None:
        raise PermissionError("A valid API key is required.")
    return found


async def analytics(authorization: str, days: int) -> CallAnalytics:
    async with sessions() as session:
        organization_id = await organization_of(session, authorization)
        since = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(days=days)
        first, second, third = statements(organization_id, since)
        totals = (await session.execute(first)).one()
        daily = await session.execute(second)
        assistants = await session.execute(third)
        count, done, broken, ongoing, duration, timed = (int(value or 0) for value in totals)
        return CallAnalytics(
            total_calls=count,
            completed_calls=done,
            failed_calls=broken,
            ongoing_calls=ongoing,
            total_duration=duration,
            avg_duration=duration / timed if timed else 0,
            success_rate=100 * done / count if count else 0,
            daily_stats=[
                DailyStat(
                    date=dt.date.fromisoformat(date) if isinstance(date, str) else date,
                    total=total,
                    completed=int(finished),
                    failed=int(lost),
                )
                for date, total, finished, lost in daily
            ],
            top_assistants=[
                AssistantStat(
                    assistant_id=number,
                    assistant_name=name,
                    calls=total,
                    duration=int(seconds or 0),
                )
                for number, name, total, seconds in assistants
            ],
        )


@strawberry.type
class Query:
    @strawberry.field
    async def call_analytics(
        self, info: strawberry.Info, period: Period = Period.LAST_7_DAYS
    ) -> CallAnalytics:
        authorization = info.context["request"].headers.get("authorization", "")
        return await analytics(authorization, period.value)


async def rest(request: Request) -> JSONResponse:
    days = int(request.query_params.get("period", "7d").removesuffix("d"))
    report = await analytics(request.headers.get("authorization", ""), days)
    body: dict[str, Any] = dict(strawberry.asdict(report))
    body["daily_stats"] = {str(day.pop("date")): day for day in body["daily_stats"]}
    return JSONResponse(body)


async def dashboard(request: Request) -> Response:
    """A dashboard's figures as rows, on PostgreSQL: what one would write in an hour more."""
    async with sessions() as session:
        organization_id = await organization_of(session, request.headers.get("authorization", ""))
        since = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(days=90)
        lists = [
            [list(row) for row in await session.execute(statement)]
            for statement in dashboard_statements(organization_id, since)
        ]
    return Response(orjson.dumps(lists, default=str), media_type="application/json")


async def bare(_request: Request) -> JSONResponse:
    """The ceiling: what the server gives when nothing is done at all."""
    return JSONResponse({"status": "ok"})


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    yield
    await engine.dispose()


graphql: Any = GraphQL(strawberry.Schema(Query))
app = Starlette(
    routes=[
        Route("/graphql", graphql, methods=["GET", "POST"]),
        Route("/api/v1/calls/analytics", rest),
        Route("/dashboard", dashboard),
        Route("/bare", bare),
    ],
    lifespan=lifespan,
)
