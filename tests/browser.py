"""A real browser that visits the service, on a network that reaches nothing else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)

from call_analytics.server import create_app
from call_analytics.settings import Settings
from tests.conftest import missing
from tests.platform import NOW
from tests.serving import serving_app

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Every host but the server's address is unknown.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    # Each window renders two pages for its address bar, at half a second of a core.
    # Only the last list of features counts: the first two of this one are Playwright's own.
    "--disable-features=HttpsUpgrades,PaintHolding,WebUIOmniboxPopup,WebUIOmniboxAimPopup",
]
PATIENCE = 60_000
"""How long a page may take on a busy machine, in milliseconds."""


def chromium_path() -> str:
    """The path of a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    missing("Chromium (Debian package chromium)")
    raise AssertionError


@dataclass
class Visit:
    """A browser that visits a running server."""

    context: BrowserContext
    page: Page
    base: str
    problems: list[str] = field(default_factory=list)
    """What the pages complained of."""
    answers: list[Response] = field(default_factory=list)

    def open_page(self) -> Page:
        """Another page of the same browser."""
        page = self.context.new_page()
        self.watch(page)
        return page

    def watch(self, page: Page) -> None:
        """Note what a page complains of, and what it gets."""
        page.set_default_timeout(PATIENCE)
        page.on("console", self._note_line)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("requestfailed", self._note_failure)
        page.on("response", self._note_answer)

    def _note_line(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.problems.append(line.text)

    def _note_answer(self, answer: Response) -> None:
        self.answers.append(answer)

    def _note_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # what a page itself has given up
            self.problems.append(f"{request.failure}: {request.url}")


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser for many visits: to start it takes longer than most of them.

    Until the end of the block its event loop is that of this thread.
    """
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)


@contextmanager
def visiting(
    chromium: Browser, database_url: str, key: str, *, options: Any = None, **changes: Any
) -> Iterator[Visit]:
    """A visit that shares nothing with others of the browser, and a server of its own.

    The key may come to the server in an Authorization header alone. The options are of Playwright's
    context; the changes are of the server's settings.
    """
    settings = Settings.model_validate({"database_url": database_url, **changes})
    app = create_app(settings, clock=lambda: NOW)
    came: list[tuple[Any, ...]] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [header for header in scope["headers"] if header[0] != b"authorization"]
            came.append((scope["raw_path"], scope["query_string"], headers))
        await app(scope, receive, send)

    with (
        serving_app(noting, settings) as (host, port),
        chromium.new_context(locale="en-US", **(options or {})) as context,
    ):
        visit = Visit(context, context.new_page(), f"http://{host}:{port}")
        visit.watch(visit.page)
        yield visit
    assert came
    assert key not in str(came)
    assert "key=" not in str(came)
    assert {urlsplit(answer.url).netloc for answer in visit.answers} == {f"{host}:{port}"}
