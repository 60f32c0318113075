"""Pictures of the dashboard, of the demo's calls, in every state, width and theme."""

import asyncio
import itertools
import tempfile
from pathlib import Path

import typer

from call_analytics.db.addresses import parse_database_url
from call_analytics.db.admin.demo import Demo, prepare_demo
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.engine import create_engine, transaction
from tests.browser import launched, visiting
from tests.dashboard.states import SETTINGS, STATES, Keys
from tests.platform import NOW, Platform

DIRECTORY = Path(__file__).parents[2] / "screenshots"
PICTURE = Path(__file__).parents[2] / "docs" / "dashboard.png"
"""The one that the README has."""
WIDTHS = (390, 1024, 1440, 2560)
SCHEMES = ("light", "dark")


async def _fill(url: str) -> Demo:
    database = create_engine(parse_database_url(url), read_only=False)
    await upgrade(database)
    async with transaction(database) as connection:
        made = await prepare_demo(connection, NOW)
    await database.dispose()
    return made


def _prepare(url: str) -> Keys:
    with asyncio.Runner() as runner:
        made = runner.run(_fill(url))
        platform = Platform(url, runner)
        without_calls = platform.add_key(platform.add_organization())
        platform.close()
    return Keys(made.key, without_calls)


def main() -> None:
    """Take them all."""
    DIRECTORY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/demo.db"
        keys = _prepare(url)
        with launched() as chromium:
            for state, width, scheme in itertools.product(STATES, WIDTHS, SCHEMES):
                options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
                with visiting(chromium, url, keys.with_calls, options=options, **SETTINGS) as visit:
                    STATES[state](visit, keys)
                    visit.page.wait_for_timeout(500)
                    path = DIRECTORY / f"{state}-{width}-{scheme}.png"
                    visit.page.screenshot(path=path, full_page=state != "calls")
                    if path.name == "figures-1440-light.png":
                        visit.page.screenshot(path=PICTURE)
                    typer.echo(path.relative_to(DIRECTORY.parent))


if __name__ == "__main__":
    main()
