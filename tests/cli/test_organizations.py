"""``call-analytics organizations``, as its users run it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from call_analytics.db.engine import connect
from call_analytics.db.models import Assistant, Base, Call, Organization, User, UserApiKey
from tests.command import run_here
from tests.platform import Platform
from tests.terminal import CTRL_C, on_terminal

HEADINGS = (
    "    id  organization              name                      assistants          calls    keys"
)
ACME = "acme (id 1000001: 2 assistants, 3 calls, 1 keys)"


@pytest.fixture
def acme(platform: Platform) -> Platform:
    """Two organizations, of which ``acme`` has two assistants, three calls and a key."""
    organization = platform.add_organization("acme")
    platform.add_key(organization)
    assistants = platform.add_assistants(organization, 2)
    platform.add_calls([{"assistant_id": assistants[number // 2]} for number in range(3)])
    other = platform.add_organization("other")
    platform.add_key(other)
    platform.add_calls([{"assistant_id": platform.add_assistant(other)}])
    return platform


def test_all_are_listed_with_what_they_have(acme: Platform, tmp_path: Path) -> None:
    acme.add_organization("empty\x1b")

    listed = run_here(tmp_path, "organizations", "list", DATABASE_URL=acme.url)

    assert (listed.stderr, listed.returncode) == ("", 0)
    lines = listed.stdout.splitlines()
    assert lines[0] == HEADINGS
    assert [line.split() for line in lines[1:]] == [
        ["1000001", "acme", "Acme", "2", "3", "1"],
        [lines[2].split()[0], "empty\\x1b", "Empty\\x1b", "0", "0", "0"],
        [lines[3].split()[0], "other", "Other", "1", "1", "1"],
    ]


def test_one_is_removed_with_all_it_has_and_nothing_else(acme: Platform, tmp_path: Path) -> None:
    def command(*arguments: str) -> tuple[str, str, int]:
        done = run_here(tmp_path, *arguments, DATABASE_URL=acme.url)
        return done.stdout, done.stderr, done.returncode

    assert command("organizations", "remove", "acme") == (
        "",
        f"call-analytics: this would remove {ACME}; if you mean it, add --yes\n",
        1,
    )
    assert len(_rows(acme, Call)) == 4

    assert command("organizations", "remove", "acme", "--yes") == (f"Removed {ACME}.\n", "", 0)

    assert command("rollups", "verify") == ("Every sum is that of its calls.\n", "", 0)
    assert [
        len(_rows(acme, model)) for model in (Organization, User, UserApiKey, Assistant, Call)
    ] == [1, 1, 1, 1, 1]
    assert command("organizations", "remove", "acme", "--yes") == (
        "",
        (
            "call-analytics: there is no organization 'acme'; "
            "see: call-analytics organizations list\n"
        ),
        1,
    )


@pytest.mark.slow
def test_the_question_is_answered_on_a_terminal(acme: Platform, tmp_path: Path) -> None:
    remove = ("organizations", "remove", "acme")
    question = f"Remove {ACME} for good? [y/N]: "
    with on_terminal(tmp_path, *remove, DATABASE_URL=acme.url) as terminal:
        terminal.wait_for("[y/N]")
        terminal.type("n\n")
        assert terminal.wait_for_end() == 1
        assert terminal.lines == [f"{question}n", "call-analytics: nothing was removed"]
    with on_terminal(tmp_path, *remove, DATABASE_URL=acme.url) as terminal:
        terminal.wait_for("[y/N]")
        terminal.type("y\n")
        assert terminal.wait_for_end() == 0
        assert terminal.lines[0] == f"{question}y"
        assert "3/3" in terminal.lines[1]
        assert terminal.lines[2:] == [f"Removed {ACME}."]
    assert [slug for _id, _name, slug, _active in _rows(acme, Organization)] == ["other"]


def test_a_name_that_two_have_is_not_guessed(acme: Platform, tmp_path: Path) -> None:
    twin = acme.next_id()
    acme.insert(Organization, id=twin, name="acme", slug="twin")

    refused = run_here(tmp_path, "organizations", "remove", "acme", "--yes", DATABASE_URL=acme.url)
    assert refused.stderr == (
        "call-analytics: 'acme' is not one organization only: "
        f"acme with the id 1000001, twin with the id {twin}\n"
    )

    removed = run_here(
        tmp_path, "organizations", "remove", str(twin), "--yes", DATABASE_URL=acme.url
    )
    assert removed.stdout == f"Removed twin (id {twin}: 0 assistants, 0 calls, 0 keys).\n"


def test_a_platform_s_own_organizations_are_listed_and_never_removed(
    attached: Platform, reader_url: str, tmp_path: Path
) -> None:
    attached.add_organization("acme")

    listed = run_here(tmp_path, "organizations", "list", DATABASE_URL=reader_url)
    assert listed.stdout.splitlines()[1].split() == ["1000001", "acme", "Acme", "0", "0", "0"]

    for url in (reader_url, attached.url):
        refused = run_here(tmp_path, "organizations", "remove", "acme", "--yes", DATABASE_URL=url)
        assert (refused.stdout, refused.stderr, refused.returncode) == (
            "",
            "call-analytics: this is the platform's own database; the service only reads it\n",
            1,
        )


@pytest.mark.slow
def test_ctrl_c_ends_a_removal_that_waits(
    postgres_url: str, tmp_path: Path, runner: asyncio.Runner
) -> None:
    platform = Platform(postgres_url, runner)
    organization = platform.add_organization("acme")
    with (
        platform.locked(organization),
        on_terminal(
            tmp_path, "organizations", "remove", "acme", "--yes", DATABASE_URL=platform.url
        ) as terminal,
    ):
        terminal.wait_for("0/0")
        terminal.type(CTRL_C)
        assert terminal.wait_for_end() == 130
        assert terminal.lines[-1] == "call-analytics: interrupted; nothing was removed"
    assert len(_rows(platform, Organization)) == 1
    platform.close()


def _rows(platform: Platform, model: type[Base]) -> list[tuple[object, ...]]:
    async def read() -> list[tuple[object, ...]]:
        async with connect(platform.reader) as connection:
            return [tuple(row) for row in await connection.execute(select(model.__table__))]

    rows: list[tuple[object, ...]] = platform.run(read())
    return rows
