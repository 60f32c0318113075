"""Rate limits: counted in memory or in a real Redis, and bounded in what they remember."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis.asyncio

from call_analytics.access import counters
from call_analytics.access.addresses import NO_ADDRESS, networks_of
from call_analytics.access.counters import MemoryCounters, Quota, RedisCounters
from call_analytics.access.errors import Allowance, RateLimited
from call_analytics.access.rate_limits import RateLimiter, RateLimits
from tests.conftest import missing

pytestmark = pytest.mark.anyio

PATIENTLY = {"answer_seconds": 60.0}
"""For tests of what Redis counts: it may take its time on a busy machine."""
FORTY_DAYS = 40 * 86_400


class RedisServer:
    """A running Redis that keeps nothing."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.url = f"redis://127.0.0.1:{port}/0"

    async def statistics(self) -> dict[str, Any]:
        """What it has done so far; asking adds one connection."""
        async with redis.asyncio.Redis.from_url(self.url) as client:
            info = await client.info("all")
        return {str(name): value for name, value in info.items()}


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for the tests of this module."""
    program = shutil.which("redis-server")
    if program is None:
        missing("Redis (Debian package redis-server)")
        raise AssertionError
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory = str(tmp_path_factory.mktemp("redis"))
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
    with subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL) as process:
        _wait_for(port)
        yield RedisServer(process, port)
        process.terminate()


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[RateLimiter]:
    """A limiter, with its counters in memory and in Redis in turn."""
    if request.param == "memory":
        yield RateLimiter()
        return
    shared = RedisCounters(request.getfixturevalue("redis_server").url, **PATIENTLY)
    yield RateLimiter(shared)
    await shared.close()


async def test_so_many_and_no_more(limiter: RateLimiter) -> None:
    quotas = RateLimits(per_minute=5).quotas("a")

    left = [await limiter.spend(quotas, cost) for cost in (1, 3, 0, 1)]

    assert [one and (one.limit, one.window_seconds, one.remaining) for one in left] == [
        (5, 60, 4),
        (5, 60, 1),
        (5, 60, 1),
        (5, 60, 0),
    ]
    with pytest.raises(RateLimited) as refusal:
        await limiter.spend(quotas)
    assert refusal.value.allowance[:3] == (5, 60, 0)
    assert 1 <= refusal.value.allowance.reset_seconds <= 60
    assert await limiter.spend(RateLimits(per_minute=5).quotas("b")) is not None


async def test_the_tightest_limit_is_told(limiter: RateLimiter) -> None:
    allowance = await limiter.spend(RateLimits(100, 10, 1000).quotas("tight"))

    assert allowance is not None
    assert (allowance.limit, allowance.window_seconds, allowance.remaining) == (10, 3600, 9)


async def test_what_is_refused_in_a_minute_is_not_taken_from_the_day(limiter: RateLimiter) -> None:
    limits = RateLimits(per_minute=1, per_day=100)
    await limiter.spend(limits.quotas("hammer"))
    for _ in range(3):
        with pytest.raises(RateLimited, match="More than 1 requests in 60 seconds"):
            await limiter.spend(limits.quotas("hammer"))

    day = await limiter.spend([limits.quotas("hammer")[1]], 0)

    assert day is not None
    assert day.remaining == 99


async def test_without_a_limit_nothing_is_counted(limiter: RateLimiter) -> None:
    assert await limiter.spend(RateLimits().quotas("free")) is None


async def test_processes_share_a_redis(redis_server: RedisServer) -> None:
    first, second = (RedisCounters(redis_server.url, **PATIENTLY) for _ in range(2))
    quotas = RateLimits(per_minute=2).quotas("shared")
    await RateLimiter(first).spend(quotas)
    await RateLimiter(second).spend(quotas)

    with pytest.raises(RateLimited):
        await RateLimiter(first).spend(quotas)
    await first.close()
    await second.close()


async def test_where_redis_is_not_there_each_process_counts_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shared = RedisCounters("redis://127.0.0.1:1/0", probe_seconds=3_600)
    limiter = RateLimiter(shared)
    quotas = RateLimits(per_minute=1).quotas("a")

    assert await limiter.spend(quotas) == Allowance(1, 60, 0, 60)
    with pytest.raises(RateLimited):
        await limiter.spend(quotas)
    assert caplog.messages == [
        "Redis does not answer; each process counts rate limits for itself: ConnectionError"
    ]
    await shared.close()


async def test_nobody_waits_for_a_redis_that_is_frozen(redis_server: RedisServer) -> None:
    shared = RedisCounters(redis_server.url, answer_seconds=2, probe_seconds=3_600)
    keys, addresses = RateLimiter(shared), RateLimiter(shared)
    quotas = RateLimits(per_minute=1_000_000).quotas("frozen")
    before = await redis_server.statistics()
    os.kill(redis_server.process.pid, signal.SIGSTOP)
    try:
        await keys.spend(quotas)  # the one that waits
        for _ in range(100):
            await keys.spend(quotas)
            left = await addresses.spend(quotas)
    finally:
        os.kill(redis_server.process.pid, signal.SIGCONT)
    after = await redis_server.statistics()

    assert left is not None
    assert left.remaining == 999_900  # what Redis does not count is counted here
    # One connection of these counters, and one that asked for the statistics.
    assert after["total_connections_received"] - before["total_connections_received"] == 2
    await shared.close()


async def test_a_redis_that_answers_again_counts_again(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    shared = RedisCounters(redis_server.url, answer_seconds=2, probe_seconds=0.1)
    limiter = RateLimiter(shared)
    quotas = RateLimits(per_minute=1_000_000).quotas("back")
    os.kill(redis_server.process.pid, signal.SIGSTOP)
    try:
        await limiter.spend(quotas)
    finally:
        os.kill(redis_server.process.pid, signal.SIGCONT)
    async with asyncio.timeout(60):
        while await shared.spend(quotas, 1) is None:  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.05)

    assert caplog.messages[:2] == [
        "Redis does not answer; each process counts rate limits for itself: TimeoutError",
        "all processes count rate limits together again",
    ]
    await shared.close()


async def test_a_request_is_one_round_trip_to_redis(redis_server: RedisServer) -> None:
    shared = RedisCounters(redis_server.url, **PATIENTLY)
    quotas = RateLimits(10, 100, 1000).quotas("once")
    await shared.spend(quotas, 1)
    before = await redis_server.statistics()
    await RateLimiter(shared).spend(quotas)
    after = await redis_server.statistics()
    await shared.close()

    def calls(statistics: dict[str, Any]) -> int:
        return sum(
            value["calls"]
            for name, value in statistics.items()
            if name.startswith("cmdstat_eval") and isinstance(value, dict)
        )

    assert calls(after) - calls(before) == 1


async def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(counters, "monotonic", lambda: now)
    limiter = RateLimiter()
    quotas = RateLimits(per_minute=1).quotas("a")
    assert await limiter.spend(quotas) == Allowance(1, 60, 0, 60)
    now += 59
    with pytest.raises(RateLimited, match="ask again in 1 seconds"):
        await limiter.spend(quotas)

    now += 1

    assert await limiter.spend(quotas) == Allowance(1, 60, 0, 60)


@pytest.mark.parametrize("jump", [FORTY_DAYS, -FORTY_DAYS])
async def test_a_clock_that_is_set_anew_changes_no_window(
    limiter: RateLimiter, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    quotas = RateLimits(per_minute=1).quotas(f"jump {jump}")
    now = time.time() + jump
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(counters, "time", lambda: now, raising=False)  # if it is imported there
    first = await limiter.spend(quotas)
    now -= jump

    assert first == Allowance(1, 60, 0, 60)
    with pytest.raises(RateLimited) as refusal:
        await limiter.spend(quotas)
    assert 1 <= refusal.value.allowance.reset_seconds <= 60


async def test_a_clock_that_was_set_back_freezes_no_counter_of_redis(
    redis_server: RedisServer,
) -> None:
    shared = RedisCounters(redis_server.url, **PATIENTLY)
    limiter = RateLimiter(shared)
    quotas = RateLimits(per_minute=2).quotas("set back")
    for _ in range(2):
        await limiter.spend(quotas)
    async with redis.asyncio.Redis.from_url(redis_server.url) as client:
        # As if a minute had begun when the clock of Redis was forty days ahead.
        (name,) = [key async for key in client.scan_iter("*set back*")]
        await client.expire(name, FORTY_DAYS)

    allowance = await limiter.spend(quotas)

    assert allowance is not None
    assert (allowance.remaining, allowance.reset_seconds) == (1, 60)
    await shared.close()


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "REMEMBERED_COUNTERS", 10)
    memory = MemoryCounters()

    for number in range(1000):
        memory.spend([Quota(f"address{number}", 5, 60)], 1)

    assert len(memory) == 10
    assert memory.spend([Quota("address999", 5, 60)], 1)[0].spent == 2


@pytest.mark.parametrize(
    ("written", "networks"),
    [
        ("198.51.100.1", ("198.51.100.1",)),
        ("198.051.100.001", ("198.51.100.1",)),
        ("::ffff:198.51.100.1", ("198.51.100.1",)),
        ("::FFFF:198.051.100.1", ("198.51.100.1",)),
        ("0:0:0:0:0:ffff:c633:6401", ("198.51.100.1",)),
        (" 198.51.100.1 ", ("198.51.100.1",)),
        ("2001:db8:1:2:3:4:5:6", ("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("2001:0DB8:0001:0002::a001", ("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("2001:000db8:1:00002::1", ("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("2001:db8:1:2::1%eth0", ("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("a001:100::1", ("a001:100::/64", "a001:100::/48")),
        ("0.0.0.0", ("0.0.0.0",)),
        ("::", ("::/64", "::/48")),
        ("", (NO_ADDRESS,)),
        ("unknown", (NO_ADDRESS,)),
        ("_hidden-7", (NO_ADDRESS,)),
        ("198.51.100.1.7", (NO_ADDRESS,)),
        ("1" * 60_000, (NO_ADDRESS,)),
    ],
)
def test_an_address_counts_as_the_same_however_it_is_written(
    written: str, networks: tuple[str, ...]
) -> None:
    assert networks_of(written) == networks


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("Redis did not start")
