"""The explorer: GraphiQL, bundled from its npm package and served by this server alone."""

from pathlib import Path

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


def explorer_assets() -> BaseRoute:
    """The scripts and styles of the page."""
    return Mount(
        "/graphql/explorer",
        routes=[
            Route("/page.css", lambda _request: FileResponse(DIRECTORY / "page.css")),
            Mount("/dist", StaticFiles(directory=BUNDLE, check_dir=False)),
        ],
    )
