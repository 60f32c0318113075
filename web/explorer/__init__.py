"""The explorer: GraphiQL, bundled from its npm package and served by this server alone."""

import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

DIRECTORY = Path(__file__).parent
BUNDLE = DIRECTORY / "dist"
"""What ``npm run build`` makes; ``make explorer`` runs it."""
BUILD = DIRECTORY / "build.mjs"
"""The build, in the project's source only."""

FORMS = {"br": ".br", "gzip": ".gz"}
"""The codings in which the build compresses its files, and the ends of their names."""

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


def explorer_assets() -> list[BaseRoute]:
    """The scripts and styles of the page.

    They are not mounted together: a mount of routes has a router of its own, which redirects to
    whatever host the client has named.
    """
    return [
        Route("/graphql/explorer/page.css", page_style),
        Mount("/graphql/explorer/dist", _Bundle(directory=BUNDLE, check_dir=False)),
    ]


async def page_style(_request: Request) -> Response:
    """The style of the pages here."""
    return FileResponse(DIRECTORY / "page.css")


class _Bundle(StaticFiles):
    """The files of the build, each in the form that the client takes and the build made."""

    def file_response(
        self,
        full_path: PathLike,
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        form = self._form(full_path, scope)
        if form is not None:
            full_path = f"{full_path}{FORMS[form]}"
            stat_result = os.stat(full_path)  # noqa: PTH116 - the type that it has above
        response = super().file_response(full_path, stat_result, scope, status_code)
        if response.status_code == 200:
            response.headers["Vary"] = "Accept-Encoding"
            if form is not None:
                response.headers["Content-Encoding"] = form
        return response

    def _form(self, full_path: PathLike, scope: Scope) -> str | None:
        # Browsers say plainly what they take; who says it with weights gets the file as it is.
        taken = {one.strip() for one in Headers(scope=scope).get("accept-encoding", "").split(",")}
        for form, suffix in FORMS.items():
            if form in taken and Path(f"{full_path}{suffix}").exists():
                return form
        return None
