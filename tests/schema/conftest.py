"""An organization with a key and some calls, and a way to ask for its figures."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from starlette.testclient import TestClient

from tests.platform import NOW, Platform


class Tenant(NamedTuple):
    """An organization, and what opens it."""

    organization_id: int
    headers: dict[str, str]
    assistants: list[int]

    @property
    def key(self) -> str:
        """The organization's API key."""
        return self.headers["Authorization"].removeprefix("Bearer ")


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def tenant(platform: Platform) -> Tenant:
    """An organization with calls of every kind in the last ninety days."""
    return make_tenant(platform)


def make_tenant(platform: Platform) -> Tenant:
    """Another such organization."""
    organization = platform.add_organization()
    key = platform.add_key(organization)
    assistants = [platform.add_assistant(organization) for _ in range(12)]
    statuses = ("completed", "failed", "ongoing", "busy", "completed")
    platform.add_calls(
        [
            {
                "assistant_id": assistants[number % (1 + number % 12)],
                "status": statuses[number % 5],
                "duration": (None, 0, 30, 61)[number % 4],
                "started_at": (NOW - timedelta(hours=number * 11)).replace(tzinfo=None),
            }
            for number in range(230)
        ]
    )
    return Tenant(organization, {"Authorization": f"Bearer {key}"}, assistants)


@pytest.fixture
def ask(client: TestClient, tenant: Tenant) -> Ask:
    """Sends a GraphQL document with the tenant's key and returns the response's JSON."""

    def send(query: str, variables: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        body = {"query": query, "variables": variables, **more}
        response = client.post("/graphql", json=body, headers=tenant.headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        answer.pop("extensions", None)
        return answer

    return send
