"""A way to ask for an organization's figures."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.tenants import Tenant

Ask = Callable[..., dict[str, Any]]


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
