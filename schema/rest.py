"""The documented legacy endpoint, ``GET /api/v1/calls/analytics``.

Its answers, statuses and error bodies are a contract with programs that cannot be changed.
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from resolvers.call_analytics import EVERYTHING
from resolvers.errors import AnalyticsError, Unauthenticated, Unavailable
from resolvers.report import Report
from resolvers.window import Period
from schema.bearer import bearer_key
from schema.state import State

DEFAULT_PERIOD = "7d"
PERIOD_PATTERN = "^(1d|7d|30d|90d)$"
PERIODS = {period.value: period for period in Period}


class RestEndpoint:
    """The REST endpoint; ``retry_after_seconds`` is what a 503 advises."""

    def __init__(self, *, retry_after_seconds: int) -> None:
        self._retry_after = str(retry_after_seconds)

    async def respond(self, request: Request[State]) -> Response:
        """Answer a GET or HEAD."""
        now = request.state["clock"]()
        analytics = request.state["analytics"]
        try:
            principal = await analytics.authenticate(bearer_key(request.headers))
            text = request.query_params.get("period", DEFAULT_PERIOD)
            period = PERIODS.get(text)
            if period is None:
                return json_response({"detail": [_bad_period(text)]}, 422)
            report = await analytics.report(principal, period, EVERYTHING, now=now)
        except Unauthenticated as error:
            return error_response(error, {"WWW-Authenticate": "Bearer"})
        except Unavailable as error:
            return error_response(error, {"Retry-After": self._retry_after})
        return json_response(_body(report))


def json_response(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON response of the REST path, whose errors are objects with ``detail``."""
    return Response(orjson.dumps(body), status, headers, "application/json")


def error_response(error: AnalyticsError, headers: dict[str, str]) -> Response:
    """The response that tells an expected error."""
    return json_response({"detail": str(error)}, error.http_status, headers)


def _body(report: Report) -> dict[str, Any]:
    return {
        "total_calls": report.total_calls,
        "completed_calls": report.completed_calls,
        "failed_calls": report.failed_calls,
        "ongoing_calls": report.ongoing_calls,
        "total_duration": report.total_duration,
        "avg_duration": report.avg_duration,
        "success_rate": report.success_rate,
        "daily_stats": {
            day.date.isoformat(): {
                "total": day.total,
                "completed": day.completed,
                "failed": day.failed,
            }
            for day in report.daily_stats
        },
        "top_assistants": [assistant._asdict() for assistant in report.top_assistants],
    }


def _bad_period(text: str) -> dict[str, Any]:
    return {
        "type": "string_pattern_mismatch",
        "loc": ["query", "period"],
        "msg": f"String should match pattern '{PERIOD_PATTERN}'",
        "input": text,
        "ctx": {"pattern": PERIOD_PATTERN},
    }
