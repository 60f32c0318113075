"""The dashboard in a real browser: what it shows is what the API says."""

import csv
import io
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from call_analytics.db.models import UserApiKey
from call_analytics.web import dashboard
from tests.browser import PATIENCE, Visit, launched, visiting
from tests.conftest import Ask, missing
from tests.dashboard.states import SETTINGS, STATES, Keys
from tests.dashboard.visits import (
    AXE,
    ZONE,
    cells,
    chart,
    choose,
    duration,
    listed,
    panel,
    questions,
    rate,
    sign_in,
    violations,
)
from tests.platform import NOW, Platform
from tests.postgres import PostgresCluster
from tests.tenants import Tenant, make_tenant

logger = logging.getLogger(__name__)
pytestmark = pytest.mark.starts_server

WINDOW = f'(period: LAST_30_DAYS, timeZone: "{ZONE}", weekStartsOn: SUNDAY)'
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCHEME = "data-mantine-color-scheme"
AT_EVERY_WIDTH = ("no-key", "tables", "calls")
"""States that differ; in each of the others one thing is added to one of them."""
LEFT_OPEN_ROUNDS = int(os.environ.get("LEFT_OPEN_ROUNDS", "10"))
"""How many calls are written beside a page that asks every second; 120 take two minutes or more."""
STATUSES = ("completedCalls", "failedCalls", "ongoingCalls", "otherCalls")


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """What is tested here is the same on every database, but where a test says otherwise."""
    wanted = getattr(request, "param", "sqlite")
    return str(request.getfixturevalue(f"{'postgres' if wanted == 'postgresql' else wanted}_url"))


@pytest.fixture(autouse=True)
def built() -> None:
    """The page must be built."""
    if not (dashboard.BUILD / "index.html").exists() or not AXE.exists():
        missing("The dashboard (make install, with Node.js)")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser."""
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(chromium: Browser, database_url: str, tenant: Tenant) -> Iterator[Visit]:
    """A browser's visit from New York to a server. Nothing may be complained of."""
    with visiting(chromium, database_url, tenant.key, options={"timezone_id": ZONE}) as found:
        yield found
        assert found.problems == []


@pytest.fixture
def keys(platform: Platform, tenant: Tenant) -> Keys:
    """Keys of two organizations."""
    return Keys(tenant.key, platform.add_key(platform.add_organization()))


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_every_figure_is_the_api_s(visit: Visit, ask: Ask, tenant: Tenant) -> None:
    figures = f"totalCalls {' '.join(STATUSES)} successRate failureRate avgDuration totalDuration"
    answer = ask(
        f"""{{ callAnalytics{WINDOW} {{
          {figures}
          previous {{ {figures} series {{ totalCalls }} }}
          series {{ {figures} isPartial }}
          hoursOfWeek {{ totalCalls }}
          statuses {{ status calls }}
          topAssistants(limit: 100, orderBy: {{field: FAILURE_RATE}}) {{ assistantName {figures} }}
          durations {{
            median: percentile(percent: 50) p90: percentile(percent: 90)
            p95: percentile(percent: 95)
            histogram(edges: [10, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800]) {{ calls }}
          }}
        }} }}"""
    )["data"]["callAnalytics"]

    page = sign_in(visit, tenant.key, "?period=LAST_30_DAYS&order=FAILURE_RATE")

    assert page.url == f"{visit.base}/?period=LAST_30_DAYS&order=FAILURE_RATE"
    assert len(questions(visit)) == 1
    expect(page.get_by_role("heading", level=1)).to_contain_text("Organization")
    expect(page.get_by_text("as of 8:00:00 AM")).to_be_visible()
    written: dict[str, tuple[str, Callable[[Any], str]]] = {
        "Calls": ("totalCalls", str),
        "Success rate": ("successRate", rate),
        "Average duration": ("avgDuration", duration),
        "Total duration": ("totalDuration", duration),
        "Failed": ("failedCalls", str),
        "Ongoing": ("ongoingCalls", str),
    }
    for name, (figure, write) in written.items():
        card = page.get_by_role("article", name=name, exact=True)
        expect(card).to_contain_text(write(answer[figure]))
        note = card.get_by_role("note")
        before = write(answer["previous"][figure])
        expect(note).to_have_attribute("aria-label", _ending(f"Before: {before}"))
    series = chart(page, "Calls over time")
    assert [row[1:] for row in series] == [
        [*(str(point[status]) for status in STATUSES), str(point["totalCalls"]), str(before)]
        for point, before in zip(
            answer["series"],
            [point["totalCalls"] for point in answer["previous"]["series"]],
            strict=True,
        )
    ]
    assert ["unfinished" in row[0] for row in series] == [
        point["isPartial"] for point in answer["series"]
    ]
    hours = panel(page, "Hours of the week").locator("tbody button")
    labels = hours.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert labels[0].startswith("Sunday, 12 AM: ")
    assert [int(label.split()[-2]) for label in labels] == [
        hour["totalCalls"] for hour in answer["hoursOfWeek"]
    ]
    its = answer["durations"]
    for name, percent in (("Median", "median"), ("90 %", "p90"), ("95 %", "p95")):
        expect(panel(page, "Durations")).to_contain_text(f"{name} {duration(its[percent])}")
    assert [row[1] for row in chart(page, "Durations")] == [
        str(one["calls"]) for one in its["histogram"]
    ]
    assert cells(panel(page, "Statuses").get_by_role("table")) == [
        [one["status"], rate(100 * one["calls"] / answer["totalCalls"]), str(one["calls"])]
        for one in answer["statuses"]
    ]
    shown = cells(panel(page, "Assistants").get_by_role("table"))
    assert [[text.removeprefix("▲ ") for text in row] for row in shown] == [
        [
            one["assistantName"],
            *(str(one[figure]) for figure in ("totalCalls", *STATUSES[:3])),
            *(rate(one[figure]) for figure in ("successRate", "failureRate")),
            *(duration(one[figure]) for figure in ("avgDuration", "totalDuration")),
            "Calls",
        ]
        for one in answer["topAssistants"]
    ]


def test_what_is_clicked_on_lists_its_calls(visit: Visit, tenant: Tenant, tmp_path: Path) -> None:
    page = sign_in(visit, tenant.key, "?period=LAST_30_DAYS")
    close = page.get_by_role("button", name="Close the list of calls")

    row = chart(page, "Calls over time")[1]
    panel(page, "Calls over time").get_by_role("table").get_by_role("button").nth(1).click()
    told, rows = listed(page)
    assert told == f"{row[5]} calls, newest first"
    assert len(rows) == int(row[5])
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)

    status = cells(panel(page, "Statuses").get_by_role("table"))[1]
    panel(page, "Statuses").get_by_role("button", name=status[0]).click()
    told, rows = listed(page)
    assert told == f"{status[2]} calls, newest first"
    assert {row[3] for row in rows} == {status[0]}
    path = _saved(page, "CSV", tmp_path)
    assert path.suffix == ".csv"
    saved = list(csv.DictReader(io.StringIO(path.read_text(), newline="")))
    assert len(saved) == int(status[2])
    assert {call["Status"] for call in saved} == {status[0]}
    close.click()

    assistant = cells(panel(page, "Assistants").get_by_role("table"))[0]
    page.get_by_role("button", name=f"Calls of {assistant[0]}", exact=True).click()
    told, rows = listed(page)
    assert told == f"{assistant[1]} calls, newest first"
    assert {row[1] for row in rows} == {assistant[0]}
    close.click()

    hour = panel(page, "Hours of the week").get_by_role("button", name=": 2 calls").first
    label = hour.get_attribute("aria-label") or ""
    hour.click()
    expect(page.get_by_role("dialog")).to_contain_text(label.partition(":")[0])
    page.locator("tr[aria-rowindex='3']").wait_for()
    _told, rows = listed(page)
    assert len(rows) == 2


def test_an_hour_of_several_weeks_has_one_file(
    visit: Visit, tenant: Tenant, tmp_path: Path
) -> None:
    page = sign_in(visit, tenant.key, "?period=LAST_90_DAYS")
    hours = panel(page, "Hours of the week")
    label = hours.get_by_role("button", name=": 2 calls").first.get_attribute("aria-label") or ""
    hours.get_by_role("button", name=label).click()
    rows = page.locator("tr[aria-rowindex]")
    expect(rows).to_have_count(2)
    listed_ids = rows.evaluate_all("rows => rows.map(row => row.title)")

    table = _saved(page, "CSV", tmp_path)
    lines = _saved(page, "JSON Lines", tmp_path)

    weekday = label.partition(",")[0].lower()
    assert re.fullmatch(rf"calls-{weekday}-\d+\.csv", table.name)
    assert lines.name == f"{table.stem}.jsonl"
    saved = csv.DictReader(io.StringIO(table.read_text(), newline=""))
    assert [call["Call SID"] for call in saved] == listed_ids
    assert [json.loads(line)["call_sid"] for line in lines.read_text().splitlines()] == listed_ids
    files = [answer for answer in visit.answers if "/export?" in answer.url]
    assert len(files) == 4  # each is of two weeks


def test_a_list_goes_on_as_it_is_scrolled(visit: Visit, tenant: Tenant) -> None:
    page = sign_in(visit, tenant.key, "?period=LAST_90_DAYS&calls=all")
    told, _ = listed(page)
    count = int(told.split()[0])
    assert count > 150
    scroll = page.get_by_role("region", name="List of calls")
    last = page.locator(f"tr[aria-rowindex='{count + 1}']")
    for _ in range(100):
        if last.count():
            break
        scroll.evaluate("one => one.scrollTo(0, one.scrollHeight)")
        page.wait_for_timeout(200)

    expect(last).to_be_visible()
    assert page.locator("tr[aria-rowindex]").count() < count  # what is not seen is not there


def test_a_view_is_in_its_address(visit: Visit, tenant: Tenant) -> None:
    page = sign_in(visit, tenant.key)
    name = cells(panel(page, "Assistants").get_by_role("table"))[1][0]

    choose(page, "Period", "Last 90 days")
    panel(page, "Assistants").get_by_role("button", name=name, exact=True).click()
    expect(panel(page, "Assistants").locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Success rate").click()
    choose(page, "Bucket", "Months")
    expect(panel(page, "Calls over time").get_by_role("combobox")).to_have_value("Months")
    page.get_by_text("1 min").click()

    assert tenant.key not in page.url
    other = visit.open_page()
    other.goto(f"{page.url}#key={tenant.key}")
    panel(other, "Calls over time").wait_for()
    assert other.url == page.url
    assert chart(other, "Calls over time") == chart(page, "Calls over time")
    heading = other.get_by_role("columnheader", name="Success rate")
    expect(heading).to_have_attribute("aria-sort", "descending")
    page.go_back()
    expect(page.get_by_role("radio", name="Off")).to_be_checked()


def test_a_day_of_23_hours_has_23_buckets(visit: Visit, tenant: Tenant) -> None:
    page = sign_in(visit, tenant.key, "?first=2026-03-08&last=2026-03-08")

    names = [row[0] for row in chart(page, "Calls over time")]

    assert len(names) == 23
    assert [name.replace(",", "") for name in names[1:3]] == ["Sun 1 AM", "Sun 3 AM"]
    page.get_by_role("combobox", name="Time zone").fill("berlin")
    page.get_by_role("option", name="Europe/Berlin").click()
    expect(panel(page, "Calls over time").locator("tbody tr")).to_have_count(24)


def test_a_zone_is_found_by_either_of_its_names(
    chromium: Browser, database_url: str, tenant: Tenant
) -> None:
    options = {"timezone_id": "Asia/Calcutta"}
    with visiting(chromium, database_url, tenant.key, options=options) as visit:
        page = sign_in(visit, tenant.key)
        zone = page.get_by_role("combobox", name="Time zone")
        expect(zone).to_have_value("Asia/Kolkata (Asia/Calcutta)")

        zone.fill("saigon")
        page.get_by_role("option", name="Asia/Ho_Chi_Minh").click()
        expect(page.get_by_text("as of 7:00:00 PM")).to_be_visible()
        zone.fill("kolkata")
        page.get_by_role("option", name="Asia/Kolkata").click()
        expect(page.get_by_text("as of 5:30:00 PM")).to_be_visible()

        assert page.url == f"{visit.base}/?zone=Asia/Kolkata"
        assert visit.problems == []


def test_dates_are_chosen_in_a_calendar(visit: Visit, tenant: Tenant) -> None:
    page = sign_in(visit, tenant.key, "?first=2026-03-01&last=2026-03-02")

    page.get_by_role("button", name="Dates").click()
    page.get_by_role("button", name="3 March 2026", exact=True).click()
    page.get_by_role("button", name="5 March 2026", exact=True).click()

    expect(panel(page, "Calls over time").locator("tbody tr")).to_have_count(3)
    assert "first=2026-03-03&last=2026-03-05" in page.url


def test_a_key_is_typed_kept_and_forgotten(visit: Visit, tenant: Tenant) -> None:
    page = visit.page
    page.goto(visit.base)
    page.get_by_label("API key").fill(tenant.key)
    page.get_by_label("Stay signed in on this device").check()
    page.get_by_role("button", name="Sign in").click()
    panel(page, "Calls over time").wait_for()

    other = visit.open_page()
    other.goto(visit.base)
    panel(other, "Calls over time").wait_for()
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_label("API key")).to_be_visible()
    other.reload()
    expect(other.get_by_label("API key")).to_be_visible()


def test_a_wrong_and_a_revoked_key_are_told(
    chromium: Browser, platform: Platform, tenant: Tenant, database_url: str
) -> None:
    with visiting(chromium, database_url, tenant.key, key_cache_seconds=0) as visit:
        page = visit.page
        page.goto(f"{visit.base}/#key=burki_{'x' * 32}")
        expect(page.get_by_text("This key is not valid")).to_be_visible(timeout=PATIENCE)

        sign_in(visit, tenant.key)
        revocation = update(UserApiKey).values(is_active=False)
        platform.run(platform.execute(revocation))
        choose(page, "Period", "Today")
        expect(page.get_by_text("This key is not valid")).to_be_visible(timeout=PATIENCE)


def test_a_limit_is_told_with_its_countdown(
    chromium: Browser, database_url: str, keys: Keys, platform: Platform, tenant: Tenant
) -> None:
    expected = platform.expected(tenant.organization_id, "7d")["total_calls"]
    with visiting(chromium, database_url, tenant.key, **SETTINGS) as visit:
        STATES["too-often"](visit, keys)

        page = visit.page
        alert = page.get_by_role("alert").filter(has_text="Asked too often")
        expect(alert).to_contain_text("Trying again in ")
        expect(alert).to_contain_text("The figures below are those from before.")
        expect(page.get_by_text("(old)")).to_be_visible()
        card = page.get_by_role("article", name="Calls", exact=True)
        assert card.inner_text().split()[1] == str(expected)


def test_a_database_that_is_away_leaves_what_was_seen_last(
    chromium: Browser, own_cluster: PostgresCluster, own_platform: Platform
) -> None:
    tenant = make_tenant(own_platform)
    own_cluster.execute("CHECKPOINT")  # the test cluster commits to memory only
    with visiting(chromium, own_platform.url, tenant.key, retry_after_seconds=1) as visit:
        visit.page.clock.install()
        page = sign_in(visit, tenant.key)
        calls = page.get_by_role("article", name="Calls", exact=True).inner_text()
        own_cluster.stop("immediate")
        page.get_by_text("10 s").click()
        page.clock.fast_forward(10_000)

        alert = page.get_by_role("alert").filter(has_text="The service does not answer")
        expect(alert).to_contain_text("The figures below are those from before.", timeout=PATIENCE)
        expect(page.get_by_text("(old)")).to_be_visible()
        assert page.get_by_role("article", name="Calls", exact=True).inner_text() == calls
        own_cluster.start()
        expect(alert).to_have_count(0, timeout=PATIENCE)
        expect(page.get_by_text("(old)")).to_have_count(0)


@pytest.mark.timeout(300 + 10 * LEFT_OPEN_ROUNDS)
def test_a_page_that_is_left_open_shows_new_calls_and_grows_no_memory(
    visit: Visit, platform: Platform, tenant: Tenant
) -> None:
    page = sign_in(visit, tenant.key, "?period=TODAY&refresh=1")
    card = page.get_by_role("article", name="Calls", exact=True)
    calls = int(card.inner_text().split()[1])
    debugger = page.context.new_cdp_session(page)
    memory: list[int] = []
    asked = len(visit.answers)

    for number in range(1, LEFT_OPEN_ROUNDS + 1):
        start = (NOW - timedelta(minutes=number)).replace(tzinfo=None)
        platform.add_calls([{"assistant_id": tenant.assistants[0], "started_at": start}])
        calls += 1
        expect(card).to_contain_text(str(calls), timeout=PATIENCE)
        assert sum(int(row[5]) for row in chart(page, "Calls over time")) == calls
        statuses = cells(panel(page, "Statuses").get_by_role("table"))
        assert sum(int(row[2]) for row in statuses) == calls
        debugger.send("HeapProfiler.collectGarbage")
        memory.append(int(debugger.send("Runtime.getHeapUsage")["usedSize"]))

    answers = visit.answers[asked:]
    logger.info(
        "%d calls, %d answers, memory %s", calls, len(answers), memory[:: len(memory) // 10]
    )
    assert {(answer.status, urlsplit(answer.url).path) for answer in answers} == {(200, "/graphql")}
    assert len(answers) >= LEFT_OPEN_ROUNDS
    assert memory[-1] < 1.2 * memory[len(memory) // 4]


@pytest.mark.parametrize("state", STATES)
def test_everybody_can_use_it(chromium: Browser, database_url: str, keys: Keys, state: str) -> None:
    with visiting(chromium, database_url, keys.with_calls, **SETTINGS) as visit:
        STATES[state](visit, keys)
        page = visit.page
        for width in (390, 1440) if state in AT_EVERY_WIDTH else (390,):
            page.set_viewport_size({"width": width, "height": 900})
            # Charts take their new width a moment later.
            expect(page.locator("html")).to_have_js_property("scrollWidth", width)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                expect(page.locator("html")).to_have_attribute(SCHEME, scheme)
                assert violations(page) == [], f"{width} pixels, {scheme}"
        assert "Content Security Policy" not in str(visit.problems)


def test_paper_is_light_whatever_the_screen_is(
    chromium: Browser, database_url: str, tenant: Tenant
) -> None:
    with visiting(chromium, database_url, tenant.key, options={"color_scheme": "dark"}) as visit:
        page = sign_in(visit, tenant.key)
        page.evaluate(
            """() => matchMedia('print').addEventListener('change', () => {
                window.colors ??= [];
                window.colors.push(getComputedStyle(document.body).backgroundColor);
            })"""
        )
        dark = "rgb(36, 36, 36)"

        page.pdf()

        assert page.evaluate("window.colors") == ["rgb(255, 255, 255)", dark]
        page.emulate_media(media="print", color_scheme="light")
        expect(page.get_by_text("Last 7 days · ")).to_be_visible()
        expect(page.get_by_role("combobox", name="Period")).to_be_hidden()
        assert violations(page) == []


def test_the_hours_of_the_week_are_walked_by_arrow_keys(visit: Visit, tenant: Tenant) -> None:
    page = sign_in(visit, tenant.key)
    first = panel(page, "Hours of the week").locator("tbody button").first
    first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)

    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")

    assert focused.startswith("Monday, 1 AM: ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def _saved(page: Page, button: str, directory: Path) -> Path:
    """The file that a button downloads."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    path = directory / download.value.suggested_filename
    download.value.save_as(path)
    return path


def _ending(text: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(text)}$")
