"""Clients of exports that read slowly, or not at all, or leave."""

import time

import httpx2
import pytest

from tests.command import wait_until
from tests.platform import Platform
from tests.serving import serving
from tests.tenants import Tenant, make_tenant
from tests.web.exports import PATIENCE, export, is_whole, make_large_tenant, reading, rest_of

pytestmark = [pytest.mark.starts_server, pytest.mark.slow]

LIMIT = 6
"""Seconds: longer than anything takes that is not waited for on purpose, on a busy machine too."""


@pytest.fixture
def large(platform: Platform) -> Tenant:
    """An organization with many calls."""
    return make_large_tenant(platform)


def test_a_key_has_two_exports_at_a_time(
    platform: Platform, large: Tenant, database_url: str
) -> None:
    other = make_tenant(platform)
    with serving(database_url) as base:
        with reading(base, large), reading(base, large):
            refused = export(base, large)
            assert refused.status_code == 429
            assert refused.json() == {
                "detail": "2 exports of this key are running; begin this one when one ends."
            }
            assert refused.headers["Retry-After"] == "5"
            assert export(base, other).status_code == 200
            answer = httpx2.get(
                f"{base}/api/v1/calls/analytics", headers=large.headers, timeout=PATIENCE
            )
            assert answer.status_code == 200

        wait_until(lambda: export(base, large).status_code == 200)


@pytest.mark.parametrize("leaves", [True, False])
def test_a_client_that_leaves_or_stalls_ends_the_statement(
    large: Tenant, database_url: str, leaves: bool
) -> None:
    settings = {"max_concurrent_exports": 1, "send_timeout_seconds": 3_600 if leaves else LIMIT}
    with serving(database_url, **settings) as base, reading(base, large) as client:
        if leaves:
            client.close()

        assert export(base, large).status_code == 200  # over the only connection for exports
        if not leaves:
            assert not is_whole(rest_of(client))


def test_a_slow_reader_gets_all_of_it(large: Tenant, database_url: str) -> None:
    settings = {"request_timeout_seconds": LIMIT, "statement_timeout_seconds": LIMIT}
    with serving(database_url, **settings) as base, reading(base, large) as client:
        for _ in range(4):
            time.sleep(LIMIT / 3)
            client.recv(65_536)

        assert is_whole(rest_of(client))


def test_an_export_that_takes_too_long_is_given_up(
    platform: Platform, large: Tenant, database_url: str
) -> None:
    other = make_tenant(platform)
    settings = {"export_timeout_seconds": LIMIT, "max_concurrent_exports": 1}
    with serving(database_url, **settings) as base, reading(base, large) as client:
        assert export(base, other).status_code == 200  # over the only connection for exports
        assert not is_whole(rest_of(client))
