"""The documented legacy endpoint, ``GET /api/v1/calls/analytics``.

Its answers, statuses and error bodies are a contract with programs that cannot be changed.
"""

import hashlib
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from call_analytics.access.requester import Requester
from call_analytics.resolvers.errors import BadInput, ExpectedError
from call_analytics.resolvers.question import documented_figures
from call_analytics.resolvers.report import Report
from call_analytics.resolvers.window import ROLLING, Period
from call_analytics.web.admission import Admission
from call_analytics.web.query_string import query_parameters
from call_analytics.web.responses import json_response
from call_analytics.web.sharing import SharedReads
from call_analytics.web.state import State
from call_analytics.web.statuses import status_of

PATH = "/api/v1/calls/analytics"
DEFAULT_PERIOD = "7d"
PERIOD_PATTERN = "^(1d|7d|30d|90d)$"
QUERY_CHARACTERS = "%/?:@!$&'()*+,;=[]"
"""The characters of a query that need no escape, besides letters and digits."""

PERIODS = {period.value: period for period in ROLLING}


class RestAnswer(NamedTuple):
    """A good answer."""

    body: bytes
    sources: tuple[str, ...]
    """What it was read from."""


class RestEndpoint:
    """The REST endpoint."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._shared = SharedReads[tuple[int, Period, datetime], RestAnswer]()

    async def respond(self, request: Request[State]) -> Response:
        """Answer a GET or HEAD."""
        record = request.state["record"]
        record.endpoint = "rest"
        requester = None
        try:
            requester = await self._admission.requester(request)
            async with self._admission.answering(request):
                response = await self._answer(request, requester)
            headers = self._admission.headers(requester)
        except ExpectedError as error:
            record.codes.append(error.code)
            response = json_response({"detail": str(error)}, status_of(error))
            headers = self._admission.headers(requester, error)
        response.headers.update(headers)
        is_good = response.status_code == 200
        response.headers["Cache-Control"] = self._admission.cache_control(is_good=is_good)
        response.headers["Vary"] = "Authorization"
        return _unless_known(request, response) if is_good else response

    async def _answer(self, request: Request[State], requester: Requester) -> Response:
        record = request.state["record"]
        now = request.state["clock"]()
        principal = await requester.identify()
        record.organization_id = principal.organization_id
        text = query_parameters(request).get("period", DEFAULT_PERIOD)
        period = PERIODS.get(text)
        if period is None:
            record.codes.append(BadInput.code)
            return json_response({"detail": [_bad_period(text)]}, 422)
        analytics = request.state["analytics"]

        async def read() -> RestAnswer:
            report = await analytics.report(
                principal.organization_id, documented_figures(period), now=now
            )
            return RestAnswer(orjson.dumps(_body(report)), report.sources)

        answer = await self._shared.read((principal.organization_id, period, now), read)
        record.sources = answer.sources
        return Response(answer.body, media_type="application/json")


async def without_slash(request: Request[State]) -> Response:
    """Redirect from the path with a slash at its end. No key is needed.

    The new address has no host, because a client may send any ``Host``.
    """
    request.state["record"].endpoint = "rest"
    query = quote(request.scope["query_string"], safe=QUERY_CHARACTERS)
    return RedirectResponse(f"{PATH}?{query}" if query else PATH)


def _unless_known(request: Request[State], response: Response) -> Response:
    """The response with its tag, or a 304 without a body where the client has that tag already."""
    tag = f'"{hashlib.blake2b(response.body, digest_size=16).hexdigest()}"'
    response.headers["ETag"] = tag
    known = request.headers.get("if-none-match", "").split(",")
    if tag not in (one.strip().removeprefix("W/") for one in known):
        return response
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in ("content-length", "content-type")
    }
    return Response(status_code=304, headers=headers)


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
        "top_assistants": [
            {
                "assistant_id": assistant.assistant_id,
                "assistant_name": assistant.assistant_name,
                "calls": assistant.calls,
                "duration": assistant.duration,
            }
            for assistants in report.assistants.values()
            for assistant in assistants
        ],
    }


def _bad_period(text: str) -> dict[str, Any]:
    return {
        "type": "string_pattern_mismatch",
        "loc": ["query", "period"],
        "msg": f"String should match pattern '{PERIOD_PATTERN}'",
        "input": text,
        "ctx": {"pattern": PERIOD_PATTERN},
    }
