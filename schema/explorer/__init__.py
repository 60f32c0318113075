"""The explorer: GraphiQL, bundled from its npm package and served by this server alone."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

DIRECTORY = Path(__file__).parent
BUNDLE = DIRECTORY / "dist"
"""What ``npm run build`` makes; absent where Node.js was."""

# The editor makes style elements as it runs; no script is anything but a file of this server.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


def explorer_page(headers: dict[str, str]) -> Response:
    """The page that browsers get; where the bundle is missing, one that says how to get it."""
    built = (BUNDLE / "explorer.js").exists()
    page = DIRECTORY / ("explorer.html" if built else "missing.html")
    return FileResponse(
        page, headers=headers | {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    )


def explorer_assets() -> list[BaseRoute]:
    """The scripts and styles of the page.

    They are not mounted together: a mount of routes has a router of its own, which redirects to
    whatever host the client has named.
    """
    return [
        Route("/graphql/explorer/page.css", page_style),
        Mount("/graphql/explorer/dist", StaticFiles(directory=BUNDLE, check_dir=False)),
    ]


async def page_style(_request: Request) -> Response:
    """The style of the pages here."""
    return FileResponse(DIRECTORY / "page.css")
