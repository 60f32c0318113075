"""The import law: ``server/cli -> schema -> resolvers -> db``, with no way round it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {
    *("cli", "connections", "db", "health", "http_protocol", "resolvers", "schema", "server"),
    *("settings", "telemetry"),
    *("bench", "tests"),
}
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


def _modules() -> Iterator[tuple[str, Path]]:
    for room in MAY_IMPORT:
        single = ROOT / f"{room}.py"
        for path in [single] if single.exists() else sorted((ROOT / room).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield room, path


MODULES = list(_modules())


@pytest.mark.parametrize(
    ("room", "path"), MODULES, ids=[str(path.relative_to(ROOT)) for _, path in MODULES]
)
def test_a_module_imports_only_what_its_room_may(room: str, path: Path) -> None:
    for name in _imports(path):
        top = name.partition(".")[0]
        if top in OURS and top != room:
            assert top in MAY_IMPORT[room], f"{path} imports {name}"
        if top in ONLY_IN:
            assert room in ONLY_IN[top], f"{path} imports {name}"


def test_every_room_was_looked_at() -> None:
    assert {room for room, _ in MODULES} == set(MAY_IMPORT)


def test_no_module_hides_an_import() -> None:
    for _, path in MODULES:
        assert "TYPE_CHECKING" not in path.read_text(), path


def test_modules_of_a_room_form_no_cycle() -> None:
    names = {_module_name(path): set(_imports(path)) for _, path in MODULES}
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
