"""Pages of calls: first, middle and last, of an organization and of some of its assistants."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.data import DAYS, Keys
from bench.load import Request, Server, check, in_turn

PAGE = "first: 50"
NODES = "nodes { id callSid status duration startedAt customerPhoneNumber assistant { name } }"
ASSISTANTS = 3
"""How many are asked for, where not all are."""
ROUNDS = 3


def measure(us: Server, keys: Keys, seconds: float) -> dict[str, float]:
    """Milliseconds (median) that one client waits, in turn."""
    now = datetime.now(UTC)
    middle = now - timedelta(days=DAYS / 2)
    window = (now - timedelta(days=DAYS), now)
    ids = [
        assistant["id"]
        for assistant in _data(us, keys, "{ organization { assistants { id } } }")["organization"][
            "assistants"
        ]
    ]
    asked: dict[str, str] = {}
    for whose, chosen in (("all", ids), (f"{ASSISTANTS} assistants", ids[:ASSISTANTS])):
        narrowed = "" if chosen is ids else f", assistantIds: {chosen}"
        cursor = _first_cursor(us, keys, (window[0], middle), narrowed)
        for name, arguments in (
            ("first", PAGE),
            ("middle", f'{PAGE}, after: "{cursor}"'),
            ("last", "last: 50"),
        ):
            asked[f"{name} page of {whose}"] = _document(window, narrowed, arguments, NODES)
    asked["calls counted"] = _document(window, "", PAGE, "totalCount")
    requests = {name: (us, Request("/graphql", document)) for name, document in asked.items()}
    found = in_turn(requests, keys.big, seconds, rounds=ROUNDS)
    for name, milliseconds in found.items():
        print(f"{name:<34} median {milliseconds:9.2f} ms", flush=True)
    return found


def ratios(measured: dict[str, float]) -> list[str]:
    """What was measured, compared: one line each."""
    lines = []
    for whose in ("all", f"{ASSISTANTS} assistants") if measured else ():
        pages = [measured[f"{name} page of {whose}"] for name in ("first", "middle", "last")]
        lines.append(
            f"dearest / cheapest of the first, middle and last page of {whose} = "
            f"{max(pages) / min(pages):.2f}"
        )
    return lines


def _document(window: tuple[datetime, datetime], narrowed: str, arguments: str, what: str) -> str:
    start, end = (moment.isoformat() for moment in window)
    return (
        f'{{ callAnalytics(instants: {{ start: "{start}", end: "{end}" }}{narrowed}) '
        f"{{ calls({arguments}) {{ {what} }} }} }}"
    )


def _first_cursor(us: Server, keys: Keys, window: tuple[datetime, datetime], narrowed: str) -> str:
    """The cursor of the latest call of a window."""
    document = _document(window, narrowed, "first: 1", "edges { cursor }")
    edges = _data(us, keys, document)["callAnalytics"]["calls"]["edges"]
    cursor: str = edges[0]["cursor"]
    return cursor


def _data(us: Server, keys: Keys, document: str) -> Any:
    return json.loads(check(us, Request("/graphql", document), keys.big))["data"]
