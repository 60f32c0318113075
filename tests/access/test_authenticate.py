"""Keys: what makes one valid, what it opens, and how soon a revoked one is refused."""

from typing import Any

import pytest
from sqlalchemy import update

from call_analytics.access.authenticate import Authenticator, Principal
from call_analytics.access.errors import Unauthenticated
from call_analytics.access.rate_limits import RateLimits
from call_analytics.db.models import Organization, User, UserApiKey
from call_analytics.db.replicas.servers import Servers
from tests.platform import Platform, recorded_statements


def test_a_key_opens_its_own_organization(platform: Platform) -> None:
    first, second = platform.add_organization(), platform.add_organization()
    keys = {platform.add_key(organization): organization for organization in (first, second)}
    authenticator = _authenticator(platform, cache_seconds=60)

    for key, organization in [*keys.items(), *keys.items()]:
        assert _organization(platform, authenticator, key) == organization


@pytest.mark.parametrize("key", [None, "", "burki_unknown", "x" * 5000])
def test_without_a_valid_key_there_is_no_principal(platform: Platform, key: str | None) -> None:
    platform.add_key(platform.add_organization())

    with pytest.raises(Unauthenticated):
        _organization(platform, _authenticator(platform, cache_seconds=60), key)


@pytest.mark.parametrize("inactive", [UserApiKey, User, Organization])
def test_key_user_and_organization_must_be_active(platform: Platform, inactive: Any) -> None:
    key = platform.add_key(platform.add_organization())
    authenticator = _authenticator(platform, cache_seconds=0)
    _organization(platform, authenticator, key)

    platform.run(platform.execute(update(inactive).values(is_active=False)))

    with pytest.raises(Unauthenticated):
        _organization(platform, authenticator, key)


def test_a_valid_key_is_remembered_for_the_time_that_is_set(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = platform.add_key(platform.add_organization())
    now = 1000.0
    monkeypatch.setattr("call_analytics.access.authenticate.monotonic", lambda: now)
    authenticator = _authenticator(platform, cache_seconds=5)
    organization = _organization(platform, authenticator, key)
    platform.run(platform.execute(update(UserApiKey).values(is_active=False)))

    now += 4.9
    with recorded_statements() as statements:
        assert _organization(platform, authenticator, key) == organization
    assert statements == []

    now += 0.2
    with pytest.raises(Unauthenticated):
        _organization(platform, authenticator, key)


def test_an_unknown_key_is_not_remembered(platform: Platform) -> None:
    organization = platform.add_organization()
    authenticator = _authenticator(platform, cache_seconds=60)
    key = platform.add_key(organization, is_active=False)
    with pytest.raises(Unauthenticated):
        _organization(platform, authenticator, key)

    platform.run(platform.execute(update(UserApiKey).values(is_active=True)))

    assert _organization(platform, authenticator, key) == organization


def _authenticator(platform: Platform, *, cache_seconds: float) -> Authenticator:
    return Authenticator(
        Servers(platform.reader), cache_seconds=cache_seconds, default_limits=RateLimits()
    )


def _organization(platform: Platform, authenticator: Authenticator, key: str | None) -> int:
    principal = platform.run(authenticator.authenticate(key))
    assert isinstance(principal, Principal)
    return principal.organization_id
