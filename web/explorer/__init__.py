"""The explorer: GraphiQL, bundled from its npm package and served by this server alone."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from call_analytics.web.built_files import BuiltFiles

DIRECTORY = Path(__file__).parent
BUNDLE = DIRECTORY / "dist"
"""What ``npm run build`` makes; ``make explorer`` runs it."""
BUILD = DIRECTORY / "build.mjs"
"""The build, in the project's source only."""

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
    if (BUNDLE / "explorer.js").exists():
        page = "explorer.html"
    else:  # an installed package has nothing to build it from
        page = "missing.html" if BUILD.exists() else "left_out.html"
    return FileResponse(
        DIRECTORY / page, headers=headers | {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    )


def explorer_routes() -> list[BaseRoute]:
    """The scripts and styles of the page, and the way to it from the bare address.

    They are not mounted together: a mount of routes has a router of its own, which redirects to
    whatever host the client has named.
    """
    return [
        Route("/graphql/explorer/page.css", page_style),
        Mount("/graphql/explorer/dist", BuiltFiles(BUNDLE)),
        Route("/", to_explorer),
    ]


async def to_explorer(_request: Request) -> Response:
    """Redirect to the page, where no dashboard is at the bare address."""
    return RedirectResponse("/graphql")


async def page_style(_request: Request) -> Response:
    """The style of the pages here."""
    return FileResponse(DIRECTORY / "page.css")
