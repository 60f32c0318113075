"""Organizations with a key and calls of every kind."""

from datetime import timedelta
from typing import NamedTuple

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


def make_headers(platform: Platform, *, calls: int) -> dict[str, str]:
    """The headers of another organization, whose one assistant has so many calls."""
    organization = platform.add_organization()
    assistant = platform.add_assistant(organization)
    platform.add_calls([{"assistant_id": assistant} for _ in range(calls)])
    return {"Authorization": f"Bearer {platform.add_key(organization)}"}


def make_tenant(platform: Platform) -> Tenant:
    """Another such organization."""
    organization = platform.add_organization()
    key = platform.add_key(organization)
    assistants = platform.add_assistants(organization, 12)
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
