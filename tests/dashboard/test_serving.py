"""How the dashboard is served, and its own checks and tests."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from call_analytics.web import dashboard
from tests.conftest import ServiceFactory, missing
from tests.tenants import Tenant

SOURCES = Path(__file__).parents[2] / "dashboard"
FIRST_VIEW = 400_000
"""Bytes that the first view of the page may have, compressed."""
STRICT = {"Accept": "application/graphql-response+json"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is the same on every database."""
    return sqlite_url


@pytest.fixture
def build() -> Path:
    """The built page."""
    if not (dashboard.BUILD / "index.html").exists():
        missing("The dashboard (make dashboard, with Node.js)")
    return dashboard.BUILD


@pytest.mark.parametrize("production", [False, True])
def test_the_page_has_a_strict_policy(
    service: ServiceFactory, build: Path, production: bool
) -> None:
    client = service(production=production)

    page = client.get("/")

    assert page.content == (build / "index.html").read_bytes()
    assert page.headers["Cache-Control"] == "no-cache"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    again = client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304


def test_assets_are_compressed_and_kept_for_good(client: TestClient, build: Path) -> None:
    for path in (build / "assets").glob("*.js"):
        for coding, suffix in (("br", ".br"), ("gzip", ".gz"), ("identity", "")):
            address = f"/dashboard/assets/{path.name}"
            with client.stream("GET", address, headers={"Accept-Encoding": coding}) as answer:
                assert b"".join(answer.iter_raw()) == Path(f"{path}{suffix}").read_bytes()
            assert answer.headers.get("Content-Encoding", "identity") == coding
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Vary"] == "Accept-Encoding"
    assert client.get("/dashboard/assets/nothing.js").status_code == 404
    assert client.get("/dashboard/documents.json").status_code == 404


@pytest.mark.parametrize("suffix", [".br", ".gz"])
def test_the_first_view_is_small(build: Path, suffix: str) -> None:
    page = (build / "index.html").read_text()
    names = [path.name for path in (build / "assets").iterdir() if path.name in page]

    sizes = [(build / "assets" / f"{name}{suffix}").stat().st_size for name in names]

    assert len(sizes) >= 2
    assert sum(sizes) < FIRST_VIEW


def test_it_can_be_switched_off(service: ServiceFactory) -> None:
    for production, status in ((False, 307), (True, 404)):
        client = service(dashboard=False, production=production)

        assert client.get("/", follow_redirects=False).status_code == status
        assert client.get("/dashboard/assets/x.js").status_code == 404


def test_its_documents_are_trusted(
    service: ServiceFactory, tenant: Tenant, build: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "documents.json"
    listed.write_text("{}")
    variables: dict[str, Any] = {
        "period": "LAST_7_DAYS",
        "timeZone": "UTC",
        "weekStartsOn": "MONDAY",
        "grain": "DAY",
        "orderBy": {"field": "NAME", "direction": "ASC"},
    }
    documents = json.loads((build / "documents.json").read_text())

    assert len(documents) == 3
    for is_served in (True, False):
        client = service(trusted_documents=str(listed), dashboard=is_served)
        for sha256, text in documents.items():
            assert hashlib.sha256(text.encode()).hexdigest() == sha256
            answer = client.post(
                "/graphql",
                json={"query": text, "variables": variables},
                headers=tenant.headers | STRICT,
            )
            assert (answer.status_code == 200) == is_served, answer.text


def test_where_it_is_not_built_the_page_says_how_to_get_it(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "BUILD", tmp_path)

    assert "<code>make dashboard</code>" in client.get("/").text


@pytest.mark.slow
def test_the_sources_pass_their_own_tests() -> None:
    _npm("run", "test")


@pytest.mark.slow
def test_the_types_are_those_of_the_schema(tmp_path: Path) -> None:
    before = {path.name: path.read_text() for path in (SOURCES / "src/gql").iterdir()}
    copy = tmp_path / "dashboard"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules", "gql"))
    shutil.copytree(SOURCES.parent / "schema", tmp_path / "schema")
    (copy / "node_modules").symlink_to(SOURCES / "node_modules")

    _npm("run", "codegen", directory=copy)

    assert {path.name: path.read_text() for path in (copy / "src/gql").iterdir()} == before


def _npm(*arguments: str, directory: Path = SOURCES) -> None:
    if shutil.which("npm") is None or not (SOURCES / "node_modules").exists():
        missing("The packages of the dashboard's tests (make install, with Node.js)")
    done = subprocess.run(
        ["npm", *arguments],
        cwd=directory,
        env=os.environ | {"LANG": "en_US.UTF-8", "TZ": "UTC"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
