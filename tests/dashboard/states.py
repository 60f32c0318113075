"""What the dashboard may look like, and how it comes to that."""

from collections.abc import Callable
from typing import NamedTuple

from tests.browser import Visit
from tests.dashboard.visits import chart, listed, panel, sign_in

SETTINGS = {"requests_per_minute": 12}
"""Of a server that answers two questions of the page in a minute, and no third."""


class Keys(NamedTuple):
    """Keys of two organizations."""

    with_calls: str
    without_calls: str


def _figures(visit: Visit, keys: Keys) -> None:
    sign_in(visit, keys.with_calls, "?period=LAST_30_DAYS")


def _tables(visit: Visit, keys: Keys) -> None:
    page = sign_in(visit, keys.with_calls, "?period=LAST_30_DAYS")
    chart(page, "Calls over time")
    chart(page, "Durations")


def _calls(visit: Visit, keys: Keys) -> None:
    page = sign_in(visit, keys.with_calls, "?period=LAST_30_DAYS")
    panel(page, "Statuses").get_by_role("button").nth(1).click()
    listed(page)


def _calendar(visit: Visit, keys: Keys) -> None:
    page = sign_in(visit, keys.with_calls, "?first=2026-03-02&last=2026-03-08")
    page.get_by_role("button", name="Dates").click()
    page.get_by_role("button", name="3 March 2026", exact=True).wait_for()


def _no_calls(visit: Visit, keys: Keys) -> None:
    page = sign_in(visit, keys.with_calls, "?first=2020-01-01&last=2020-01-02")
    page.get_by_text("Choose a longer period").wait_for()


def _no_calls_at_all(visit: Visit, keys: Keys) -> None:
    page = sign_in(visit, keys.without_calls)
    page.get_by_text("no assistants and no calls yet").wait_for()


def _no_key(visit: Visit, _keys: Keys) -> None:
    visit.page.goto(visit.base)
    visit.page.get_by_label("API key").wait_for()


def _wrong_key(visit: Visit, _keys: Keys) -> None:
    visit.page.goto(f"{visit.base}/#key=burki_{'x' * 32}")
    visit.page.get_by_text("This key is not valid").wait_for()


def _too_often(visit: Visit, keys: Keys) -> None:
    page = sign_in(visit, keys.with_calls)
    for heading in ("Failed", "Average"):
        with page.expect_response("**/graphql"):
            page.get_by_role("columnheader").get_by_role("button", name=heading).click()
    page.get_by_role("alert").filter(has_text="Asked too often").wait_for()


def _away(visit: Visit, keys: Keys) -> None:
    page = sign_in(visit, keys.with_calls)
    page.route("**/graphql", lambda route: route.abort())
    page.get_by_role("columnheader").get_by_role("button", name="Failed").click()
    page.get_by_role("alert").filter(has_text="The service does not answer").wait_for()


STATES: dict[str, Callable[[Visit, Keys], None]] = {
    "figures": _figures,
    "tables": _tables,
    "calls": _calls,
    "calendar": _calendar,
    "no-calls": _no_calls,
    "no-calls-at-all": _no_calls_at_all,
    "no-key": _no_key,
    "wrong-key": _wrong_key,
    "too-often": _too_often,
    "away": _away,
}
