"""schemathesis: whatever both descriptions of the service allow, and much that they do not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from call_analytics.web import export, rest
from tests.serving import serving
from tests.tenants import Tenant

pytestmark = [pytest.mark.starts_server, pytest.mark.generates_documents]

COMMAND = Path(sys.executable).with_name("schemathesis")
UNLIMITED = {
    "requests_per_minute": 0,
    "stranger_requests_per_minute": 0,
    # What is generated is valid, but of any size; the limits have tests of their own.
    "max_tokens": 100_000,
    "max_depth": 1_000,
    "max_fields": 100_000,
    "max_repeated_fields": 100_000,
    "max_aliases": 100_000,
    "max_root_fields": 100_000,
    "max_directives": 100_000,
}
schemathesis.graphql.scalar(
    "TimeZone",
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Mars/Olympus", ""]).map(
        schemathesis.graphql.nodes.String
    ),
)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


@pytest.fixture
def base(database_url: str) -> Iterator[str]:
    """A running server."""
    with serving(database_url, **UNLIMITED) as address:
        yield address


@pytest.mark.parametrize("path", [rest.PATH, export.PATH])
@pytest.mark.parametrize("with_key", [True, False])
def test_rest_is_as_its_openapi_document_says(
    base: str, tenant: Tenant, tmp_path: Path, path: str, with_key: bool
) -> None:
    options = ["--include-path", path, "--max-examples", "25", "--no-color"]
    options += ["--suppress-health-check", "too_slow"]  # as on a busy machine
    if with_key:
        options += ["--header", f"Authorization: Bearer {tenant.key}"]
    if path == export.PATH:
        # No schema of OpenAPI says which parameters exclude each other, or which zones there are.
        options += ["--exclude-checks", "positive_data_acceptance"]

    done = subprocess.run(
        [COMMAND, "run", f"{base}/openapi.json", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("field", ["callAnalytics", "organization", "limits"])
def test_no_valid_document_is_a_fault(base: str, tenant: Tenant, field: str) -> None:
    schema = schemathesis.graphql.from_url(f"{base}/graphql")
    operations = {
        result.ok().label: result.ok()
        for result in schema.get_all_operations()
        if isinstance(result, Ok)
    }

    @hypothesis_settings(max_examples=50)
    @given(case=operations[f"Query.{field}"].as_strategy())
    def check(case: schemathesis.Case[Any]) -> None:
        response = case.call(headers=tenant.headers)
        answer = response.json()

        assert response.status_code == 200
        # What GraphQL's types cannot tell: the range of an argument, and that it fits the others.
        for error in answer.get("errors", ()):
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert "\n" not in error["message"]
        assert "errors" in answer or set(answer["data"]) == {field}

    check()
