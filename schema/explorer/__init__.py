"""The explorer: GraphiQL, bundled from its npm package and served by this server alone."""

from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

DIRECTORY = Path(__file__).parent
BUNDLE = DIRECTORY / "dist"
"""What ``npm run build`` makes; absent where Node.js was."""


def explorer_page() -> Response:
    """The page that browsers get; where the bundle is missing, one that says how to get it."""
    built = (BUNDLE / "explorer.js").exists()
    return FileResponse(DIRECTORY / ("explorer.html" if built else "missing.html"))


def explorer_assets() -> BaseRoute:
    """The scripts and styles of the page."""
    return Mount(
        "/graphql/explorer",
        routes=[
            Route("/page.css", lambda _request: FileResponse(DIRECTORY / "page.css")),
            Mount("/dist", StaticFiles(directory=BUNDLE, check_dir=False)),
        ],
    )
