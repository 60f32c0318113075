"""Names of time zones: those that exist, and what is said of those that do not."""

import subprocess
import sys
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.zones import zone_for, zone_names

NONE_SIMILAR = "Write an IANA name, such as 'Europe/Berlin'."


def test_every_name_is_a_zone() -> None:
    assert len(zone_names()) > 500
    for name in zone_names():
        zone = zone_for(name)
        assert isinstance(zone, ZoneInfo)
        assert zone.key == name
        assert zone_for(name) is zone


def test_links_are_zones() -> None:
    moment = datetime(2026, 3, 10, 12)
    offsets = [zone_for(name).utcoffset(moment) for name in ("Asia/Calcutta", "Asia/Kolkata")]

    assert offsets[0] == offsets[1]
    assert str(offsets[0]) == "5:30:00"


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Europe/Kiyv", "Did you mean 'Europe/Kyiv' or 'Europe/Kiev' or 'Europe/Kirov'?"),
        ("Asia/Calcuta", "Did you mean 'Asia/Calcutta' or 'Asia/Qatar' or 'Asia/Macau'?"),
        ("Berlin", "Did you mean 'Europe/Berlin'?"),
        ("europe/berlin", "Did you mean 'Europe/Berlin'?"),
        ("UTC\0\n", "Did you mean 'UTC'?"),
        ("../../etc/passwd", NONE_SIMILAR),
        ("", NONE_SIMILAR),
        ("Factory", NONE_SIMILAR),
        ("localtime", NONE_SIMILAR),
        ("posixrules", NONE_SIMILAR),
        ("\ud800", NONE_SIMILAR),
        ("+02:00", NONE_SIMILAR),
        ("x" * 64, NONE_SIMILAR),
    ],
)
def test_a_name_that_does_not_exist(name: str, names: str) -> None:
    with pytest.raises(BadInput) as refused:
        zone_for(name)
    assert str(refused.value) == f"There is no time zone {name!r}. {names}"
    assert str(refused.value).isprintable()


def test_a_long_name_is_not_repeated() -> None:
    for length in (65, 10_000_000):
        with pytest.raises(BadInput) as refused:
            zone_for("x" * length)
        assert str(refused.value) == (
            f"The time zone is no IANA name: it has {length:,} characters."
        )


@pytest.mark.parametrize("has_zones", [False, True])
def test_the_zones_of_the_machine_play_no_part(tmp_path: Path, has_zones: bool) -> None:
    if has_zones:  # but other ones than tzdata has
        (tmp_path / "Europe").mkdir()
        with (files("tzdata") / "zoneinfo" / "UTC").open("rb") as file:
            (tmp_path / "Europe" / "Berlin").write_bytes(file.read())
    program = (
        "from datetime import datetime;"
        "from call_analytics.resolvers.zones import zone_for;"
        "print(zone_for('Europe/Berlin').utcoffset(datetime(2026, 7, 1)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "2:00:00\n"
