"""The import law: server/cli -> web -> schema -> resolvers -> db, and web -> access -> db."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "call_analytics"
FREE = {"bench", "tests"}
"""Rooms that may import everything, and that none of the others may import."""

MAY_IMPORT = {
    "settings": set(),
    "telemetry": set(),
    "db": set(),
    "access": {"db"},
    "resolvers": {"db"},
    "schema": {"resolvers"},
    "web": {"schema", "access", "resolvers", "telemetry"},
    "server": {"settings", "telemetry", "db", "access", "resolvers", "schema", "web"},
    "cli": {"settings", "telemetry", "db", "access", "resolvers", "schema", "web", "server"},
}
ONLY_IN = {
    "sqlalchemy": {"db"},
    "alembic": {"db"},
    "strawberry": {"schema"},
    "graphql": {"schema"},
    "starlette": {"web", "server"},
    "uvicorn": {"web", "server", "cli"},
    "prometheus_client": {"telemetry"},
    "typer": {"cli"},
}
MAX_LINES = 300
NOT_SOURCE = {"build", "node_modules"}


def rooms_of(root: Path) -> dict[str, list[Path]]:
    """The modules of each room in a source tree: its top-level modules, and folders of modules."""
    rooms: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if not any(part.startswith(".") or part in NOT_SOURCE for part in place.parts):
            rooms.setdefault(place.parts[0].removesuffix(".py"), []).append(path)
    return rooms


def breaches(root: Path) -> list[str]:
    """Each way in which the modules of a source tree break the law."""
    rooms = rooms_of(root)
    found = [f"{room} is in no row of the table" for room in rooms.keys() - MAY_IMPORT - FREE]
    for room in rooms.keys() - FREE:
        for path in rooms[room]:
            place = path.relative_to(root)
            for name in _imports(path):
                top = name.partition(".")[0]
                imported = _room_of(name)
                is_barred = imported not in {None, room, *MAY_IMPORT.get(room, ())}
                if top in rooms:
                    found.append(f"{place} imports {name} by a name that it does not have")
                elif is_barred or room not in ONLY_IN.get(top, {room}):
                    found.append(f"{place} imports {name}")
    return sorted(found)


ROOMS = rooms_of(ROOT)
MODULES = [path for room in ROOMS.keys() - FREE for path in ROOMS[room]]


def test_every_room_imports_only_what_it_may() -> None:
    assert breaches(ROOT) == []


def test_every_row_of_the_table_is_a_room() -> None:
    assert ROOMS.keys() == MAY_IMPORT.keys() | FREE


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "graph/__init__.py": "import strawberry",
                "db/measures.py": "import call_analytics.graph",
            },
            [
                "db/measures.py imports call_analytics.graph",
                "graph is in no row of the table",
                "graph/__init__.py imports strawberry",
            ],
        ),
        ({"extra.py": ""}, ["extra is in no row of the table"]),
        ({"db/deep/er.py": "from call_analytics.resolvers.report import x"}, None),
        ({"db/a.py": "from call_analytics import resolvers"}, None),
        ({"resolvers/a.py": "def f():\n    import call_analytics.schema.rest"}, None),
        ({"db/a.py": "import tests.oracle", "tests/oracle.py": ""}, None),
        ({"db/a.py": "import db.b", "db/b.py": ""}, None),
        ({"resolvers/a.py": "import sqlalchemy.orm"}, None),
        ({"telemetry/a.py": "from starlette import requests"}, None),
        ({"schema/a.py": "import call_analytics.db.models", "db/models.py": ""}, None),
        ({"tests/a.py": "import call_analytics.db", "bench/a.py": "import sqlalchemy"}, []),
        ({".venv/a.py": "import db", "schema/node_modules/a.py": "import db", "db/a.py": ""}, []),
    ],
)
def test_a_tree_that_breaks_the_law_is_noticed(
    tmp_path: Path, files: dict[str, str], expected: list[str] | None
) -> None:
    for name in ("resolvers/report.py", *files):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, ""))

    if expected is None:
        assert len(breaches(tmp_path)) == 1
    else:
        assert breaches(tmp_path) == expected


def test_no_module_is_too_long_to_be_read_in_a_sitting() -> None:
    assert [path for path in MODULES if len(path.read_text().splitlines()) > MAX_LINES] == []


def test_no_module_hides_an_import() -> None:
    for path in MODULES:
        assert "TYPE_CHECKING" not in path.read_text(), path


def test_modules_of_a_room_form_no_cycle() -> None:
    names = {_module_name(path): set(_imports(path)) for path in MODULES}
    visiting: list[str] = []
    done: set[str] = set()

    def visit(name: str) -> None:
        assert name not in visiting, f"cycle: {' -> '.join([*visiting, name])}"
        if name in done or name not in names:
            return
        visiting.append(name)
        for imported in names[name]:
            visit(imported)
        done.add(visiting.pop())

    for name in names:
        visit(name)


def test_every_folder_of_modules_is_installed() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {path.parent.relative_to(ROOT) for path in MODULES}

    assert sorted(pyproject["tool"]["setuptools"]["packages"]) == sorted(
        ".".join((PACKAGE, *folder.parts)) for folder in folders
    )


def _module_name(path: Path) -> str:
    place = path.relative_to(ROOT).with_suffix("")
    return ".".join((PACKAGE, *place.parts)).removesuffix(".__init__")


def _room_of(name: str) -> str | None:
    """The room of an imported module; None where it is not one of ours."""
    package, *rest = name.split(".")
    return rest[0] if package == PACKAGE and rest else None


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{PACKAGE}.{alias.name}" for alias in node.names if node.module == PACKAGE)
