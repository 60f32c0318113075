"""The explorer in a real browser, on a network that reaches nothing but this server."""

import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response, sync_playwright
from starlette.testclient import TestClient

from call_analytics.web import explorer
from tests.conftest import missing
from tests.platform import Platform
from tests.serving import serving
from tests.tenants import Tenant

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Every host but the server's address is unknown.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
QUERY = "{ callAnalytics(period: LAST_90_DAYS) { totalCalls "


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


@pytest.fixture
def chromium() -> str:
    """The path of a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    missing("Chromium (Debian package chromium)")
    raise AssertionError


@pytest.mark.starts_server
def test_the_explorer_answers_a_typed_query(
    chromium: str, database_url: str, platform: Platform, tenant: Tenant
) -> None:
    if not (explorer.BUNDLE / "explorer.js").exists():
        missing("The explorer's bundle (make install, with Node.js)")
    expected = platform.expected(tenant.organization_id, "90d")["total_calls"]
    problems: list[str] = []
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    with serving(database_url) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page()
        page.on("console", lambda line: problems.extend([line.text] * (line.type == "error")))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(request.url))
        page.on("response", note)
        page.goto(f"{base}/graphql")
        _type(page, ".graphiql-query-editor", QUERY)
        _type(page, ".graphiql-editor-tool", json.dumps(tenant.headers).removesuffix("}"))
        page.get_by_role("button", name="Execute query").click()
        page.locator(".result-window", has_text="totalCalls").wait_for()
        result = page.locator(".result-window .view-lines").inner_text()
        page.get_by_role("button", name="Show Documentation Explorer").click()
        page.locator(".graphiql-doc-explorer", has_text="DailyStat").wait_for()
        page.get_by_role("button", name="Show History").click()
        page.locator(".graphiql-history-items", has_text="callAnalytics").wait_for()
        page.get_by_role("button", name="New tab", exact=True).click()
        seen = {(urlsplit(answer.url).netloc, answer.status) for answer in answers}
        browser.close()

    assert f'"totalCalls":{expected}' in "".join(result.split())
    assert problems == []
    assert seen == {(base.removeprefix("http://"), 200)}


@pytest.mark.parametrize("path", ["/graphql", "/"])
def test_browsers_get_the_explorer(client: TestClient, path: str) -> None:
    response = client.get(path, headers=HTML)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_where_node_is_missing_the_page_says_how_to_get_it(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer, "BUNDLE", tmp_path)

    page = client.get("/graphql", headers=HTML)

    assert page.status_code == 200
    assert "make install" in page.text
    assert "<script" not in page.text


@pytest.mark.parametrize("name", ["explorer.html", "missing.html"])
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
