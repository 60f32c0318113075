"""The README's first query has the answer that is printed there."""

import json
import re
from pathlib import Path

from starlette.testclient import TestClient

from call_analytics.db.admin.demo import Demo, prepare_demo
from call_analytics.db.engine import transaction
from tests.platform import NOW, Platform

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_first_query_has_the_printed_answer(platform: Platform, client: TestClient) -> None:
    async def prepare() -> Demo:
        async with transaction(platform.writer) as connection:
            return await prepare_demo(connection, NOW)

    query = _block("graphql")
    headers = {"Authorization": f"Bearer {platform.run(prepare()).key}"}

    answer = client.post("/graphql", json={"query": query}, headers=headers).json()
    rest = client.get("/api/v1/calls/analytics", headers=headers).json()

    assert answer == json.loads(_block("json"))
    assert rest["total_calls"] == answer["data"]["callAnalytics"]["totalCalls"]


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]
