"""The explorer in a real browser, on a network that reaches nothing but this server."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from starlette.testclient import TestClient

from call_analytics.web import explorer
from tests.browser import PATIENCE, Visit, launched, visiting
from tests.conftest import missing
from tests.platform import Platform
from tests.tenants import Tenant

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
QUERY = "{ callAnalytics(period: LAST_90_DAYS) { totalCalls "


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


class ExplorerVisit(Visit):
    """A browser that visits the explorer."""

    def execute(self) -> str:
        """Run the query; returns what it shows of the answer, without white space."""
        window = self.page.locator(".result-window")
        with self.page.expect_response(
            lambda answer: "application" in answer.headers["content-type"]
        ):
            self.page.get_by_role("button", name="Execute query").click()
        window.filter(has_text=re.compile("totalCalls|UNAUTHENTICATED")).wait_for()
        return "".join(window.locator(".view-lines").inner_text().split())

    def key_field(self) -> Locator:
        """The field that holds the key."""
        return self.page.get_by_label("API key")

    def keep(self) -> Locator:
        """The box that keeps the key on the device."""
        return self.page.get_by_label("Keep on this device")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser."""
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(chromium: Browser, database_url: str, tenant: Tenant) -> Iterator[ExplorerVisit]:
    """A browser's visit to a server."""
    if not (explorer.BUNDLE / "explorer.js").exists():
        missing("The explorer's bundle (make explorer)")
    with visiting(chromium, database_url, tenant.key) as found:
        yield ExplorerVisit(found.context, found.page, found.base, found.problems, found.answers)


@pytest.mark.starts_server
def test_the_explorer_answers_a_typed_query(
    visit: ExplorerVisit, platform: Platform, tenant: Tenant
) -> None:
    expected = platform.expected(tenant.organization_id, "90d")["total_calls"]
    page = visit.page

    page.goto(f"{visit.base}/graphql")
    _type(page, ".graphiql-query-editor", QUERY)
    # GraphiQL reads what is typed a moment later; until then it would run the operation before.
    page.locator(".graphiql-tab", has_text="<untitled>").wait_for()
    visit.key_field().fill(f" {tenant.key}\t")
    result = visit.execute()
    page.get_by_role("button", name="Show Documentation Explorer").click()
    page.locator(".graphiql-doc-explorer", has_text="DailyStat").wait_for()
    page.get_by_role("button", name="Show History").click()
    page.locator(".graphiql-history-items", has_text="callAnalytics").wait_for()
    page.get_by_role("button", name="New tab", exact=True).click()

    assert f'"totalCalls":{expected}' in result
    assert visit.problems == []
    assert {answer.status for answer in visit.answers} == {200}


@pytest.mark.starts_server
def test_a_link_hands_over_its_key_and_a_reload_keeps_it(
    visit: ExplorerVisit, platform: Platform, tenant: Tenant
) -> None:
    expected = platform.expected(tenant.organization_id, "7d")["total_calls"]
    page = visit.page

    page.goto(f"{visit.base}/graphql#key={tenant.key}")
    for _ in range(2):
        assert f'"totalCalls":{expected}' in visit.execute()  # the first click
        assert visit.key_field().input_value() == tenant.key
        assert page.evaluate("[location.href, history.length]") == [f"{visit.base}/graphql", 2]
        assert page.evaluate("JSON.stringify(localStorage)").count(tenant.key) == 0
        page.reload()
    page.goto(f"{visit.base}/graphql#key=burki_another")
    expect(visit.key_field()).to_have_value("burki_another", timeout=PATIENCE)
    expect(page).to_have_url(f"{visit.base}/graphql", timeout=PATIENCE)
    # A reload breaks off what is still being loaded, which is no problem.
    assert [problem for problem in visit.problems if not problem.startswith(visit.base)] == []


@pytest.mark.starts_server
def test_a_link_opened_before_anything_is_drawn_hands_over_its_key(visit: ExplorerVisit) -> None:
    page = visit.page
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { location.hash = 'key=burki_early' })"
    )

    page.goto(f"{visit.base}/graphql")

    expect(visit.key_field()).to_have_value("burki_early", timeout=PATIENCE)
    expect(page).to_have_url(f"{visit.base}/graphql", timeout=PATIENCE)


@pytest.mark.starts_server
def test_a_key_stays_on_the_device_as_long_as_it_is_asked_to(
    visit: ExplorerVisit, tenant: Tenant
) -> None:
    page = visit.page
    page.goto(f"{visit.base}/graphql#key={tenant.key}")
    assert not visit.keep().is_checked()
    visit.keep().check()

    def key_in_a_new_tab() -> tuple[str, bool]:
        tab = replace(visit, page=page.context.new_page())
        tab.page.goto(f"{visit.base}/graphql")
        found = (tab.key_field().input_value(), tab.keep().is_checked())
        tab.page.close()
        return found

    assert key_in_a_new_tab() == (tenant.key, True)
    visit.key_field().fill("burki_changed")
    assert key_in_a_new_tab() == ("burki_changed", True)
    visit.keep().uncheck()
    assert key_in_a_new_tab() == ("", False)
    assert visit.key_field().input_value() == "burki_changed"


@pytest.mark.starts_server
def test_a_wrong_key_is_told(visit: ExplorerVisit, tenant: Tenant) -> None:
    page = visit.page
    alert = page.locator(".key [role=alert]")
    page.goto(f"{visit.base}/graphql")

    assert "UNAUTHENTICATED" in visit.execute()
    alert.filter(has_text="A key is needed.").wait_for()
    visit.key_field().fill("burki_wrong")
    alert.wait_for(state="detached")
    assert "UNAUTHENTICATED" in visit.execute()
    alert.filter(has_text="This key is not valid.").wait_for()
    visit.key_field().fill(tenant.key)
    alert.wait_for(state="detached")
    page.get_by_role("button", name="Execute query").click()
    page.locator(".result-window", has_text="totalCalls").wait_for()


@pytest.mark.parametrize("path", ["/graphql", "/"])
def test_browsers_get_the_explorer(client: TestClient, path: str) -> None:
    response = client.get(path, headers=HTML)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("build", "command"),
    [
        (explorer.BUILD, "<code>make explorer</code>"),
        (Path("nowhere"), "<code>make explorer &amp;&amp; pip install .</code>"),
    ],
    ids=["source", "package"],
)
def test_where_the_bundle_is_missing_the_page_says_how_to_get_it(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: Path, command: str
) -> None:
    monkeypatch.setattr(explorer, "BUNDLE", tmp_path)
    monkeypatch.setattr(explorer, "BUILD", build)

    page = client.get("/graphql", headers=HTML)

    assert page.status_code == 200
    assert command in page.text
    assert "<script" not in page.text


@pytest.mark.parametrize("name", ["explorer.html", "left_out.html", "missing.html"])
def test_pages_name_no_other_host_and_have_no_inline_script(name: str) -> None:
    text = (explorer.DIRECTORY / name).read_text()

    assert "<script>" not in text
    assert "style=" not in text
    for attribute in ('src="', 'rel="stylesheet" href="'):
        for rest in text.split(attribute)[1:]:
            assert rest.startswith(("/graphql/explorer/", "data:"))


def test_an_unknown_asset_is_404(client: TestClient) -> None:
    assert client.get("/graphql/explorer/dist/nothing.js").status_code == 404
    assert client.get("/graphql/explorer/dist/../package.json").status_code == 404


def _type(page: Page, editor: str, text: str) -> None:
    page.locator(f"{editor} .view-lines").filter(visible=True).click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.type(text)
