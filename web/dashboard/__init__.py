"""The dashboard: a page for people who run phone lines, made of the GraphQL API alone.

Its sources are in ``dashboard/``; their build writes what is handed out here.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from call_analytics.web.built_files import IMMUTABLE, BuiltFiles

DIRECTORY = Path(__file__).parent
BUILD = DIRECTORY / "dist"
"""What ``npm run build`` in ``dashboard/`` makes; ``make dashboard`` runs it."""
DOCUMENTS = BUILD / "documents.json"
"""The page's GraphQL documents, by hash."""

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}


def dashboard_routes() -> list[BaseRoute]:
    """The page, and its scripts and styles, whose names tell their content."""
    page = BuiltFiles(BUILD, HEADERS)

    async def dashboard_page(request: Request) -> Response:
        if not (BUILD / "index.html").exists():
            return FileResponse(DIRECTORY / "missing.html")
        return await page.get_response("index.html", request.scope)

    return [
        Route("/", dashboard_page, methods=["GET"]),
        Mount("/dashboard/assets", BuiltFiles(BUILD / "assets", IMMUTABLE)),
    ]
