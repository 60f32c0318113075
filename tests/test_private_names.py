"""What the product uses of its dependencies beyond what they document.

Such a name may go in any release. So each is listed here, with the dependency that has it, and the
dependency has an upper bound in ``pyproject.toml``. When a bound is raised, these tests tell what
has gone.
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

import pytest
import strawberry
from packaging.requirements import Requirement

from call_analytics.resolvers.window import Period
from call_analytics.schema.query import core_schema, schema
from tests.test_architecture import MODULES, ROOT


class PrivateName(NamedTuple):
    """A name with an underscore in front."""

    dependency: str
    name: str
    owner: Any
    """An object that has it."""


PRIVATE_NAMES = [
    PrivateName("strawberry-graphql", "_schema", schema),
    PrivateName("strawberry-graphql", "_raw_info", strawberry.Info),
    PrivateName("strawberry-graphql", "__strawberry_definition__", Period),
    PrivateName(
        "strawberry-graphql",
        "_is_default",
        core_schema.query_type.fields["limits"].resolve,  # type: ignore[union-attr]
    ),
]

UNDOCUMENTED = {
    "graphql-core": {
        "graphql.execution.collect_fields": {"FieldDetailsList"},
        "graphql.execution.executor": {
            "Executor.collect_subfields",
            "Executor.complete_list_value",
            "Executor.middleware_manager",
        },
        "graphql.pyutils": {"AwaitableOrValue", "Path", "UndefinedType"},
    },
    "sqlalchemy": {"sqlalchemy.ext.asyncio": {"AsyncEngine.__init__"}},
    "strawberry-graphql": {
        "strawberry.execution": {"optimized_is_awaitable"},
        "strawberry.extensions.runner": {"SchemaExtensionsRunner.operation"},
        "strawberry.schema.schema": {"StrawberryGraphQLCoreExecutionContext"},
        "strawberry.types": {"ExecutionContext"},
        "strawberry.types.enum": {"StrawberryEnumDefinition.values"},
        "strawberry.types.graphql": {"OperationType.QUERY"},
        "strawberry.types.scalar": {"ScalarDefinition"},
        "strawberry.utils.str_converters": {"to_camel_case"},
    },
    "uvicorn": {
        "uvicorn.config": {"STARTUP_FAILURE"},
        "uvicorn.protocols.http.httptools_impl": {
            *(
                f"HttpToolsProtocol.{name}"
                for name in (
                    *("client", "cycle", "flow", "headers", "loop", "parser", "pipeline"),
                    *("connection_lost", "connection_made", "data_received", "eof_received"),
                    *("on_body", "on_header", "on_headers_complete", "on_message_begin"),
                    *("on_message_complete", "on_response_complete", "pause_writing"),
                    *("resume_writing", "send_400_response", "shutdown", "timeout_keep_alive"),
                    *("timeout_keep_alive_handler", "transport", "ws_protocol_class"),
                )
            ),
            "RequestResponseCycle.keep_alive",
            "RequestResponseCycle.response_complete",
            "RequestResponseCycle.response_started",
        },
        "uvicorn.server": {"Server.shutdown"},
        "uvicorn.supervisors": {
            "Multiprocess.init_processes",
            "Multiprocess.keep_subprocess_alive",
            "Multiprocess.processes",
            "Multiprocess.sockets",
            "Multiprocess.terminate_all",
        },
    },
}
"""Modules, and names of them, that no page of a dependency's documentation describes."""

DOCUMENTED = {
    *("graphql", "graphql.execution"),
    *("strawberry", "strawberry.extensions.tracing", "strawberry.schema.config"),
    *("uvicorn", "uvicorn.middleware.proxy_headers"),
}
"""The other modules that may be imported of the dependencies whose modules are mostly private."""

PUBLIC_NAMES = {"_asdict", "_fields", "_make", "_replace", "_exit"}
"""A named tuple's, and that of ``os._exit``, which Python documents."""
PYTHONS_NAME = re.compile(r"__[a-z]+__")


def private_names(source: str) -> set[str]:
    """The names with an underscore in front that a module uses of something that is not its own."""
    tree = ast.parse(source)
    own = set(_defined(tree))
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                found |= {name} - own
            case ast.Attribute(attr=name):
                found.add(name)
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
                found.add(name)
            case ast.ImportFrom(module=str(module), names=aliases):
                found |= {*module.split("."), *(alias.name for alias in aliases)}
            case ast.Import(names=aliases):
                found |= {part for alias in aliases for part in alias.name.split(".")}
    return {
        name
        for name in found - PUBLIC_NAMES
        if name.startswith("_") and not PYTHONS_NAME.fullmatch(name)
    }


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                yield name


def imported_modules(source: str) -> set[str]:
    """The modules that a module imports from."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


SOURCES = [path.read_text() for path in MODULES]


def test_every_private_name_that_is_used_is_listed() -> None:
    used = set().union(*map(private_names, SOURCES))

    assert used == {private.name for private in PRIVATE_NAMES}


def test_every_undocumented_module_that_is_imported_is_listed() -> None:
    imported = set().union(*map(imported_modules, SOURCES))
    listed = DOCUMENTED.union(*UNDOCUMENTED.values())

    assert {
        module
        for module in imported - listed
        if module.partition(".")[0] in {"graphql", "strawberry", "uvicorn"}
    } == set()


@pytest.mark.parametrize("private", PRIVATE_NAMES, ids=lambda private: private.name)
def test_a_private_name_is_there(private: PrivateName) -> None:
    assert _has(private.owner, private.name)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (module, name)
        for modules in UNDOCUMENTED.values()
        for module, names in modules.items()
        for name in sorted(names)
    ],
)
def test_an_undocumented_name_is_there(module: str, name: str) -> None:
    owner, _, attribute = name.partition(".")

    assert _has(import_module(module), owner)
    assert not attribute or _has(getattr(import_module(module), owner), attribute)


@pytest.mark.parametrize(
    "dependency", sorted({*UNDOCUMENTED, *(private.dependency for private in PRIVATE_NAMES)})
)
def test_a_dependency_of_which_such_names_are_used_has_an_upper_bound(dependency: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (requirement,) = (
        requirement
        for requirement in map(Requirement, project["dependencies"])
        if requirement.name == dependency
    )

    assert "<" in {specifier.operator for specifier in requirement.specifier}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x._y", {"_y"}),
        ("x().y._z.w", {"_z"}),
        ("getattr(x, '_y', None)", {"_y"}),
        ("from x._y import z", {"_y"}),
        ("from x import _y", {"_y"}),
        ("import x._y", {"_y"}),
        ("class A(B):\n    def f(self):\n        return self._y", {"_y"}),
        ("class A(B):\n    def f(self):\n        self._y = 1\n        return self._y", set()),
        ("class A(B):\n    _y = 1\n    def f(self):\n        return self._y", set()),
        ("x.__strawberry_definition__", {"__strawberry_definition__"}),
        ("x.__name__, x.y, row._asdict()", set()),
    ],
)
def test_a_private_name_is_noticed(source: str, expected: set[str]) -> None:
    assert private_names(source) == expected


def _has(owner: Any, name: str) -> bool:
    """Whether an object has an attribute, or the instances of a class get it when they are made."""
    if hasattr(owner, name):
        return True
    return inspect.isclass(owner) and any(
        name in inspect.get_annotations(kind) or f"self.{name}" in _source(kind)
        for kind in owner.__mro__
    )


def _source(kind: type) -> str:
    return "" if kind.__module__ == "builtins" else inspect.getsource(kind)
