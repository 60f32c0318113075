"""What tests do on the dashboard."""

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from tests.browser import Visit

ZONE = "America/New_York"
AXE = Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"


def sign_in(visit: Visit, key: str, query: str = "") -> Page:
    """Open the page by a link with the key, and wait for its figures."""
    page = visit.page
    page.goto(f"{visit.base}/{query}#key={key}")
    panel(page, "Calls over time").wait_for()
    return page


def panel(page: Page, name: str) -> Locator:
    """A part of the page."""
    return page.get_by_role("region", name=name, exact=True)


def cells(table: Locator) -> list[list[str]]:
    """The text of a table, without its headings."""
    found: list[list[str]] = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    return found


def chart(page: Page, name: str) -> list[list[str]]:
    """What a chart shows, by its table."""
    its = panel(page, name)
    if not its.get_by_role("table").is_visible():
        its.get_by_text("As a table").click()
    return cells(its.get_by_role("table"))


def choose(page: Page, field: str, option: str) -> None:
    """Choose an option of a field."""
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option, exact=True).click()


def listed(page: Page) -> tuple[str, list[list[str]]]:
    """The list of calls: what it says of their number, and the rows that are seen."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("table").wait_for()
    rows = [row for row in cells(dialog.get_by_role("table")) if row]
    return dialog.get_by_role("status").inner_text(), rows


def questions(visit: Visit) -> list[dict[str, Any]]:
    """The GraphQL requests that were answered."""
    return [
        json.loads(answer.request.post_data or "{}")
        for answer in visit.answers
        if answer.url.endswith("/graphql") and answer.request.method == "POST"
    ]


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page."""
    # By the debugger's protocol: the page's policy lets no script in.
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        # A colour that is changing is none yet.
        """() => Promise.allSettled(document.getAnimations().map(({finished}) => finished))
            .then(() => axe.run()).then(({violations}) => violations.flatMap(({id, nodes}) =>
            nodes.map(({html}) => `${id}: ${html.slice(0, 200)}`)))"""
    )
    return list(found)


def duration(seconds: float) -> str:
    """Seconds as the page writes them in English, in the two largest units."""
    whole = int(seconds + 0.5)
    parts = [(whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    shown = [f"{part}{unit}" for number, (part, unit) in enumerate(parts[:2]) if part or not number]
    return " ".join(shown)


def rate(percent: float) -> str:
    """A percent as the page writes it in English."""
    text = re.sub(r"\.0$", "", f"{percent:.1f}")
    return f"{text}%"
