"""The source distribution and the wheel: all that the service needs, and nothing of the tests."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = (".*", "node_modules", "__pycache__", "build", "*.egg-info")
BUNDLE = "web/explorer/dist/explorer.js"
PAGE = "web/dashboard/dist/index.html"
ASSET = "web/dashboard/dist/assets/index-1234.js"
NEEDED = {
    "server.py",
    "schema/schema.graphql",
    "db/admin/migrations/versions/0001_tables.py",
    BUNDLE,
    PAGE,
    ASSET,
    "web/dashboard/missing.html",
    *(f"web/explorer/{page.name}" for page in (ROOT / "web/explorer").glob("*.html")),
}


class Distributions(NamedTuple):
    """The names of the files in each, and the wheel's metadata."""

    source: set[str]
    wheel: set[str]
    metadata: list[str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The two as a release has them: the wheel is built from the source distribution."""
    directory = tmp_path_factory.mktemp("packaging")
    source = directory / "source"  # for a build leaves things behind
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in (BUNDLE, PAGE, ASSET):  # they may not be built here
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", directory, source], check=True, timeout=240
    )
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    (wheel,) = directory.glob("*.whl")
    with ZipFile(wheel) as zipped:
        (metadata,) = (name for name in zipped.namelist() if name.endswith(".dist-info/METADATA"))
        lines = zipped.read(metadata).decode().splitlines()
        return Distributions(names, set(zipped.namelist()), lines)


@pytest.mark.slow
def test_the_wheel_has_all_that_the_service_needs(built: Distributions) -> None:
    assert {f"call_analytics/{name}" for name in NEEDED} <= built.wheel
    tops = {name.partition("/")[0].partition("-")[0] for name in built.wheel}
    assert tops == {"call_analytics"}
    assert not any("/tests/" in name for name in built.wheel)


@pytest.mark.slow
def test_the_wheel_says_what_it_is(built: Distributions) -> None:
    assert {
        "Name: call-analytics",
        "License-Expression: MIT",
        "License-File: LICENSE",
        "Author: The Call Analytics authors",
        "Requires-Python: >=3.11",
        "Classifier: Framework :: AsyncIO",
    } <= set(built.metadata)


@pytest.mark.slow
def test_the_source_distribution_has_what_a_build_needs(built: Distributions) -> None:
    explorer = {f"web/explorer/{name}" for name in ("explorer.jsx", "build.mjs", "package.json")}
    page = {f"dashboard/{name}" for name in ("package-lock.json", "index.html", "src/main.tsx")}

    assert NEEDED | explorer | page | {"pyproject.toml", "LICENSE", "README.md"} <= built.source
    assert "docs/operating.md" in built.source
    assert not any(name.startswith(("tests", "bench")) for name in built.source)
    assert not any("node_modules" in name for name in built.source)
