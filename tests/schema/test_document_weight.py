"""Weighing documents: right about fragments, and never dearer than the document is long."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st

from call_analytics.schema.document_weight import LimitExceeded, weigh
from call_analytics.schema.limits import DocumentLimits

PLENTY = DocumentLimits(
    max_tokens=10**9,
    max_depth=100,
    max_fields=10**9,
    max_repeated_fields=10**9,
    max_aliases=10**9,
    max_root_fields=10**9,
    max_directives=10**9,
    max_errors=10**9,
)


@pytest.mark.parametrize(
    ("document", "limit", "value"),
    [
        ("{ a b c }", "max_root_fields", 3),
        ("{ a { b c } d }", "max_fields", 4),
        ("{ a { b { c } } }", "max_depth", 3),
        ("{ ... { ... { a } } }", "max_depth", 3),
        ("{ ...F } fragment F on Q { ...G } fragment G on Q { a }", "max_depth", 3),
        ("{ x: a y: a z { w: a } }", "max_aliases", 3),
        ("{ a a a }", "max_repeated_fields", 2),
        ("{ a ... { a ...F } } fragment F on Q { a }", "max_repeated_fields", 2),
        ("{ b { a } b { a } }", "max_repeated_fields", 1),
        ("{ a: b a: b }", "max_repeated_fields", 1),
        ("query ($v: Int @x) @x { a @x ... @x { b } ...F @x } fragment F on Q @x { c }", None, 6),
        ("{ ...F ...F } fragment F on Q { a { b } }", "max_fields", 4),
        ("{ ...F ...F } fragment F on Q { a { b } }", "max_root_fields", 2),
        ("query A { a } query B { b c }", "max_root_fields", 2),
        ("query A { a } query B { b c }", "max_fields", 3),
        ("{ a } fragment Unused on Q { b b c }", "max_fields", 4),
        ("{ a } fragment Unused on Q { b b c }", "max_repeated_fields", 1),
        ("{ ...F } fragment F on Q { a ...F }", "max_fields", 1),
        ("{ ...F } fragment F on Q { a ...G } fragment G on Q { b ...F }", "max_fields", 2),
        ("{ a ...Missing }", "max_fields", 1),
    ],
)
def test_what_counts(document: str, limit: str | None, value: int) -> None:
    name = limit or "max_directives"
    weigh(parse(document), replace(PLENTY, **{name: value}))

    with pytest.raises(LimitExceeded, match=f"is {value - 1}\\.$"):
        weigh(parse(document), replace(PLENTY, **{name: value - 1}))


@pytest.mark.parametrize(
    ("document", "requests"),
    [
        ("{ callAnalytics { totalCalls } limits { maxDepth } }", 2),
        ("{ callAnalytics { previous { totalCalls } } }", 2),
        ("{ callAnalytics { previous { previous { statuses { calls } } } } }", 4),
        ("{ callAnalytics { a: durations { min } b: durations { max } } }", 3),
        ("{ callAnalytics { ...F } } fragment F on CallAnalytics { statuses { calls } }", 2),
        ("{ a: q { ...F } b: q { ...F } } fragment F on CallAnalytics { statuses { calls } }", 4),
        ("query A { a b c } query B { callAnalytics { previous { totalCalls } } }", 3),
        ("query A { a b } query B { callAnalytics { previous { durations { min } } } }", 3),
        ("{ __schema { description } }", 10),
    ],
)
def test_what_counts_as_a_request(document: str, requests: int) -> None:
    assert weigh(parse(document), PLENTY) == requests


def test_what_doubles_is_found_out_at_once() -> None:
    doubling = " ".join(f"fragment F{n} on Q {{ ...F{n + 1} ...F{n + 1} }}" for n in range(90))
    document = parse(f"{{ ...F0 }} {doubling} fragment F90 on Q {{ a: b @c }}")

    with pytest.raises(LimitExceeded):
        weigh(document, replace(PLENTY, max_fields=500))


_names = st.sampled_from("abc")


def _selections(depth: int = 3) -> st.SearchStrategy[list[Any]]:
    """Selections as nested tuples: fields, inline fragments, and uses of fragments F and G."""
    inner = _selections(depth - 1) if depth else st.just([])
    field = st.tuples(
        st.just("field"), _names, st.none() | _names, st.integers(0, 2), inner | st.just([])
    )
    inline = st.tuples(st.just("inline"), st.integers(0, 1), _some(inner)) if depth else field
    return st.lists(st.one_of(field, inline, st.just(("spread", "F"))), min_size=1, max_size=4)


def _some(inner: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    return inner.filter(bool)


@given(operation=_selections(), fragment=_selections(depth=1), data=st.data())
def test_fragments_weigh_what_they_write_out_to(
    operation: list[Any], fragment: list[Any], data: st.DataObject
) -> None:
    fragment = [one for one in fragment if not _uses([one])] or [("field", "a", None, 0, [])]
    text = f"{{ {_text(operation)} }} fragment F on Q {{ {_text(fragment)} }}"
    counts = {"max_fields": 0, "max_aliases": 0, "max_directives": 0, "max_repeated_fields": 0}
    root = _count(operation, fragment, counts)
    if not _uses(operation):
        _count(fragment, fragment, counts)
    counts["max_root_fields"] = root
    name = data.draw(st.sampled_from(sorted(counts)))

    assert weigh(parse(text), replace(PLENTY, **{name: counts[name]})) == root
    if counts[name]:
        with pytest.raises(LimitExceeded):
            weigh(parse(text), replace(PLENTY, **{name: counts[name] - 1}))


def _text(selections: list[Any]) -> str:
    parts = []
    for one in selections:
        if one[0] == "field":
            _, name, alias, directives, inner = one
            below = f" {{ {_text(inner)} }}" if inner else ""
            parts.append(f"{alias + ': ' if alias else ''}{name}{' @x' * directives}{below}")
        elif one[0] == "inline":
            parts.append(f"...{' @x' * one[1]} {{ {_text(one[2])} }}")
        else:
            parts.append("...F")
    return " ".join(parts)


def _count(selections: list[Any], fragment: list[Any], counts: dict[str, int]) -> int:
    """Count what is below a field or an operation; returns the fields at its own level."""
    names: list[str] = []

    def walk(level: list[Any]) -> None:
        for one in level:
            if one[0] == "field":
                _, name, alias, directives, inner = one
                names.append(alias or name)
                counts["max_fields"] += 1
                counts["max_aliases"] += alias is not None
                counts["max_directives"] += directives
                if inner:
                    _count(inner, fragment, counts)
            elif one[0] == "inline":
                counts["max_directives"] += one[1]
                walk(one[2])
            else:
                walk(fragment)

    walk(selections)
    counts["max_repeated_fields"] += len(names) - len(set(names))
    return len(names)


def _uses(selections: list[Any]) -> bool:
    return any(one[0] == "spread" or (one[-1] and _uses(one[-1])) for one in selections)
