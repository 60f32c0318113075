"""Files of pages that a build has made, each also compressed."""

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

FORMS = {"br": ".br", "gzip": ".gz"}
"""The codings in which a build compresses its files, and the ends of their names."""
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
"""For files whose names tell their content."""


class BuiltFiles(StaticFiles):
    """The files of a directory, each in the form that the client takes and the build made.

    The directory need not be there. Every answer has the given headers.
    """

    def __init__(self, directory: Path, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(directory=directory, check_dir=False)
        self._headers = headers or {}

    def file_response(
        self,
        full_path: PathLike,
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        form = _form(full_path, Headers(scope=scope))
        if form is not None:
            full_path = f"{full_path}{FORMS[form]}"
            stat_result = os.stat(full_path)  # noqa: PTH116 - the type that it has above
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)
        if response.status_code == 200:
            response.headers["Vary"] = "Accept-Encoding"
            if form is not None:
                response.headers["Content-Encoding"] = form
        return response


def _form(path: PathLike, headers: Headers) -> str | None:
    # Browsers say plainly what they take; who says it with weights gets the file as it is.
    taken = {one.strip() for one in headers.get("accept-encoding", "").split(",")}
    for form, suffix in FORMS.items():
        if form in taken and Path(f"{path}{suffix}").exists():
            return form
    return None
