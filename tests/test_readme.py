"""README and docs: the dashboard's answer, the README's length, and links."""

import json
import re
from pathlib import Path

import pytest
from graphql import parse, validate
from starlette.testclient import TestClient

from call_analytics.db.admin.demo import Demo, prepare_demo
from call_analytics.db.engine import transaction
from call_analytics.schema.query import core_schema
from tests.conftest import on_sqlite
from tests.platform import NOW, Platform

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
NAMED_FILE = re.compile(r"`((?:\w+/)+\w+\.\w+)`")


def test_the_readme_takes_ten_minutes() -> None:
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for place, heading in LINK.findall(page.read_text()):
        target = page.parent / place if place else page
        assert target.exists(), place
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if heading else []
        assert not heading or heading in {name.lower().replace(" ", "-") for name in headings}
    for place in NAMED_FILE.findall(page.read_text()):
        assert (ROOT / place).exists(), place


@pytest.mark.slow
@on_sqlite
def test_the_demo_gives_the_printed_answers(platform: Platform, client: TestClient) -> None:
    async def prepare() -> Demo:
        async with transaction(platform.writer) as connection:
            return await prepare_demo(connection, NOW)

    headers = {"Authorization": f"Bearer {platform.run(prepare()).key}"}

    for query, printed in zip(_blocks("graphql"), _blocks("json"), strict=True):
        answer = client.post("/graphql", json={"query": query}, headers=headers).json()
        assert answer == json.loads(printed)
    (address,) = re.findall(r'curl "\$URL([^"]*)"', README)
    (printed,) = _blocks("csv")
    answer = client.get(address, headers=headers)
    assert answer.text.splitlines()[:2] == printed.splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_printed_query_is_valid(page: Path) -> None:
    for query in re.findall(r"^```graphql\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        assert validate(core_schema, parse(query)) == []


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
