"""The import law: ``server/cli -> schema -> resolvers -> db``, with no way round it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FREE = {"bench", "tests"}
"""Rooms that may import everything, and that none of the others may import."""

MAY_IMPORT = {
    "settings": set(),
    "db": set(),
    "resolvers": {"db"},
    "telemetry": set(),
    "schema": {"resolvers", "telemetry"},
    "health": {"settings", "db", "schema", "telemetry"},
    "server": {"settings", "db", "resolvers", "schema", "telemetry", "health"},
    "connections": set(),
    "http_protocol": {"settings", "connections"},
    "cli": {"settings", "db", "resolvers", "schema", "telemetry", "server", "http_protocol"},
}
ONLY_IN = {
    "sqlalchemy": {"db"},
    "alembic": {"db"},
    "strawberry": {"schema"},
    "graphql": {"schema"},
    "starlette": {"schema", "health", "server"},
    "uvicorn": {"http_protocol", "server", "cli"},
    "prometheus_client": {"telemetry"},
    "typer": {"cli"},
}
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
            for name in _imports(path):
                top = name.partition(".")[0]
                is_ours = top in rooms and top != room
                if is_ours and top not in MAY_IMPORT.get(room, ()):
                    found.append(f"{path.relative_to(root)} imports {name}")
                if room not in ONLY_IN.get(top, {room}):
                    found.append(f"{path.relative_to(root)} imports {name}")
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
            {"graph/__init__.py": "import strawberry", "db/measures.py": "import graph"},
            [
                "db/measures.py imports graph",
                "graph is in no row of the table",
                "graph/__init__.py imports strawberry",
            ],
        ),
        ({"extra.py": ""}, ["extra is in no row of the table"]),
        ({"db/deep/er.py": "from resolvers.report import x"}, None),
        ({"resolvers/a.py": "def f():\n    import schema.rest", "schema/rest.py": ""}, None),
        ({"db/a.py": "import tests.oracle", "tests/oracle.py": ""}, None),
        ({"resolvers/a.py": "import sqlalchemy.orm"}, None),
        ({"telemetry/a.py": "from starlette import requests"}, None),
        ({"schema/a.py": "import db.models", "db/models.py": ""}, None),
        ({"tests/a.py": "import db", "bench/a.py": "import sqlalchemy", "db/a.py": ""}, []),
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


def test_the_top_level_names_shadow_nothing_of_the_standard_library() -> None:
    assert not set(MAY_IMPORT) & sys.stdlib_module_names


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield node.module or ""
