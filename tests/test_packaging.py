"""The wheel: everything that the service needs, and nothing of the tests."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = (".*", "node_modules", "__pycache__", "build", "*.egg-info")


@pytest.mark.slow
def test_the_wheel_has_all_that_the_service_needs(tmp_path: Path) -> None:
    source = tmp_path / "source"  # for a build leaves things behind
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*LEFT_OUT))
    bundle = source / "web/explorer/dist/explorer.js"
    bundle.parent.mkdir(exist_ok=True)
    bundle.touch()  # it may not be built here

    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, source],
        check=True,
        timeout=240,
    )

    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    assert {"License-Expression: MIT", "License-File: LICENSE"} <= set(lines)
    assert {
        "call_analytics/server.py",
        "call_analytics/schema/schema.graphql",
        "call_analytics/web/explorer/dist/explorer.js",
    } <= names
    pages = {path.name for path in (ROOT / "web/explorer").glob("*.html")}
    assert {f"call_analytics/web/explorer/{page}" for page in pages} <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"call_analytics"}
    assert not any("/tests/" in name for name in names)
