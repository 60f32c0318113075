"""What clients get of servers: waiting times, throughput, memory, and hostile requests."""

from typing import Any, NamedTuple

from bench import hostile
from bench.data import Keys
from bench.load import BARE, REQUESTS, Load, Server, check, run, serving
from bench.verdict import BY_INDEX

FULL = REQUESTS["full 90 days"]
ROUNDS = 3
"""How often a comparison is made where all is measured; the middle one counts."""


class Throughput(NamedTuple):
    """What one worker manages for 16 connections."""

    share: float
    """Percent of what a bare route manages."""
    per_second: float
    """Requests."""
    bare_per_second: float


def latency(
    servers: dict[str, tuple[Server, float]], keys: Keys, *, rounds: int
) -> dict[str, dict[str, Any]]:
    """What one client waits for each server, which are measured in turn for so many seconds."""
    questions = [(name, request, keys.big) for name, request in REQUESTS.items()]
    questions.append(("small organization, full 90 days", FULL, keys.small[0]))
    found: dict[str, dict[str, Any]] = {who: {} for who in servers}
    for name, request, key in questions:
        asked = {
            who: server
            for who, server in servers.items()
            if (who, name) != ("plain baseline", "totals only")  # it cannot be asked for less
            and (who != BY_INDEX or key != keys.big)
        }
        for server, _ in asked.values():
            check(server, request, key)
            run(server, request, key, connections=1, seconds=1)
        loads: dict[str, list[Load]] = {who: [] for who in asked}
        for _ in range(rounds):
            for who, (server, seconds) in asked.items():
                loads[who].append(run(server, request, key, connections=1, seconds=seconds))
        for who, measured in loads.items():
            _note(found, who, name, sorted(measured)[rounds // 2])
    return found


def throughput(us: Server, plain: Server, keys: Keys, seconds: float) -> dict[str, dict[str, Any]]:
    """Requests per second of one worker, each compared with a bare route just before."""
    found: dict[str, dict[str, Any]] = {
        "with rollups": {},
        "16 keys of one": {},
        "nothing shared": {},
    }
    # Requests of one organization share answers, and REST requests of one key.
    keys_of = {
        "with rollups": [keys.big],
        "16 keys of one": keys.all_of_big,
        "nothing shared": keys.small,
    }
    for name, request in REQUESTS.items():
        rounds: dict[str, list[Throughput]] = {who: [] for who in found}
        for _ in range(ROUNDS):
            bare = run(plain, BARE, keys.big, connections=16, seconds=seconds).per_second
            for who, some in keys_of.items():
                ours = run(us, request, *some, connections=16, seconds=seconds).per_second
                rounds[who].append(Throughput(100 * ours / bare, ours, bare))
        for who, measured in rounds.items():
            median = sorted(measured)[ROUNDS // 2]
            found[who][name] = median._asdict()
            print(f"{who:<16} {name:<34} {median}", flush=True)
    return found


def hostile_requests(url: str, keys: Keys) -> hostile.Hostility:
    with serving("us", url) as server:
        measured = hostile.measure(server, keys.big)
    print(f"hostile requests {measured}", flush=True)
    return measured


def memory(url: str, keys: Keys) -> dict[str, int]:
    """Resident bytes of a server after 100 and after more than 10,000 mixed requests."""
    with serving("us", url) as server:
        for _ in range(25):
            for request in REQUESTS.values():
                check(server, request, keys.big)
        early, sent = server.memory, 0.0
        while sent < 10_000:
            for request in REQUESTS.values():
                for key in (keys.big, *keys.small[:1]):
                    sent += run(server, request, key, connections=16, seconds=1).per_second
        memory = {"after 100": early, "after 10,000": server.memory}
    print(f"memory {memory}", flush=True)
    return memory


def fixed_costs(us: Server, plain: Server, keys: Keys, seconds: float) -> dict[str, dict[str, Any]]:
    """What one client waits for, in turn: a bare route, both APIs, few and many assistants."""
    asked = {
        "bare": (plain, BARE, keys.big),
        "GraphQL": (us, FULL, keys.big),
        "REST": (us, REQUESTS["REST 90 days"], keys.big),
        "500 assistants": (us, FULL, keys.wide),
    }
    loads: dict[str, list[Load]] = {what: [] for what in asked}
    for _ in range(ROUNDS):
        for what, (server, request, key) in asked.items():
            loads[what].append(run(server, request, key, connections=1, seconds=seconds))
    found: dict[str, dict[str, Any]] = {}
    for what, measured in loads.items():
        _note({}, what, "in turn", sorted(measured)[ROUNDS // 2])
        found[what] = sorted(measured)[ROUNDS // 2]._asdict()
    return found


def _note(results: dict[str, Any], who: str, what: str, measured: Load) -> None:
    results.setdefault(who, {})[what] = measured._asdict()
    print(
        f"{who:<16} {what:<34} median {measured.median:9.2f} ms   p99 {measured.p99:9.2f} ms   "
        f"{measured.per_second:9.1f}/s",
        flush=True,
    )
