"""Pictures of the dashboard, of the demo's calls, in every state, width and theme."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from playwright.sync_api import Page

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.demo import Demo, prepare_demo
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.engine import create_engine, transaction
from tests.browser import Visit, visiting
from tests.dashboard.visits import listed, panel, sign_in
from tests.platform import NOW

DIRECTORY = Path(__file__).parents[2] / "screenshots"
PICTURE = Path(__file__).parents[2] / "docs" / "dashboard.png"
"""The one that the README has."""
WIDTHS = (390, 1024, 1440, 2560)
SCHEMES = ("light", "dark")


async def _prepare(url: str) -> Demo:
    database = create_engine(parse_database_url(url), read_only=False)
    await upgrade(database)
    async with transaction(database) as connection:
        made = await prepare_demo(connection, NOW)
    await database.dispose()
    return made


def _figures(page: Page, visit: Visit, key: str) -> None:
    del page
    sign_in(visit, key, "?period=LAST_30_DAYS")


def _calls(page: Page, visit: Visit, key: str) -> None:
    sign_in(visit, key, "?period=LAST_30_DAYS")
    panel(page, "Statuses").get_by_role("button").nth(1).click()
    listed(page)


def _dates(page: Page, visit: Visit, key: str) -> None:
    sign_in(visit, key, "?first=2026-03-02&last=2026-03-08")
    page.get_by_role("button", name="Dates").click()


def _no_calls(page: Page, visit: Visit, key: str) -> None:
    sign_in(visit, key, "?first=2020-01-01&last=2020-01-02")
    page.get_by_text("No calls in this window").wait_for()


def _no_key(page: Page, visit: Visit, _key: str) -> None:
    page.goto(visit.base)
    page.get_by_label("API key").wait_for()


def _wrong_key(page: Page, visit: Visit, _key: str) -> None:
    page.goto(f"{visit.base}/#key=burki_{'x' * 32}")
    page.get_by_text("This key is not valid").wait_for()


def _too_often(page: Page, visit: Visit, key: str) -> None:
    sign_in(visit, key)
    for heading in ("Failed", "Average", "Success rate", "Completed"):
        page.get_by_role("columnheader").get_by_role("button", name=heading).click()
        page.wait_for_timeout(1_000)


STATES: dict[str, Callable[[Page, Visit, str], None]] = {
    "figures": _figures,
    "calls": _calls,
    "dates": _dates,
    "no-calls": _no_calls,
    "no-key": _no_key,
    "wrong-key": _wrong_key,
    "too-often": _too_often,
}


def main() -> None:
    """Take them all."""
    DIRECTORY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/demo.db"
        made = asyncio.run(_prepare(url))
        for state, show in STATES.items():
            changes: dict[str, Any] = {"requests_per_minute": 12} if state == "too-often" else {}
            for width in WIDTHS:
                for scheme in SCHEMES:
                    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
                    with visiting(url, made.key, browser=options, **changes) as visit:
                        show(visit.page, visit, made.key)
                        visit.page.wait_for_timeout(500)
                        path = DIRECTORY / f"{state}-{width}-{scheme}.png"
                        visit.page.screenshot(path=path, full_page=state != "calls")
                        if path.name == "figures-1440-light.png":
                            visit.page.screenshot(path=PICTURE)
                        typer.echo(path.relative_to(DIRECTORY.parent))


if __name__ == "__main__":
    main()
