"""Rate limits: counted in memory or in a real Redis, and bounded in what they remember."""

import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from resolvers import rate_limits
from resolvers.errors import Allowance, RateLimited
from resolvers.rate_limits import MEMORY, BoundedMemoryStorage, RateLimiter, RateLimits
from tests.conftest import missing

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Redis that keeps nothing."""
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
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


@pytest.fixture(params=["memory", "redis"])
def storage_url(request: pytest.FixtureRequest) -> str:
    """Where counters are, in turn."""
    return MEMORY if request.param == "memory" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
async def limiter(storage_url: str) -> AsyncIterator[RateLimiter]:
    """A limiter with its counters there."""
    opened = RateLimiter(storage_url)
    yield opened
    await opened.close()


async def test_so_many_and_no_more(limiter: RateLimiter) -> None:
    limits = RateLimits(per_minute=5)

    left = [await limiter.spend(limits, "a", cost=cost) for cost in (1, 3, 0, 1)]

    assert [one and (one.limit, one.window_seconds, one.remaining) for one in left] == [
        (5, 60, 4),
        (5, 60, 1),
        (5, 60, 1),
        (5, 60, 0),
    ]
    with pytest.raises(RateLimited) as refusal:
        await limiter.spend(limits, "a")
    assert refusal.value.allowance[:3] == (5, 60, 0)
    assert 1 <= refusal.value.allowance.reset_seconds <= 60
    assert await limiter.spend(limits, "b") is not None


async def test_the_tightest_limit_is_told(limiter: RateLimiter) -> None:

    allowance = await limiter.spend(RateLimits(100, 10, 1000), "tight")

    assert allowance is not None
    assert (allowance.limit, allowance.window_seconds, allowance.remaining) == (10, 3600, 9)


async def test_without_a_limit_nothing_is_counted(limiter: RateLimiter) -> None:
    assert await limiter.spend(RateLimits(), "free") is None


async def test_processes_share_a_redis(redis_url: str) -> None:
    first, second = RateLimiter(redis_url), RateLimiter(redis_url)
    limits = RateLimits(per_minute=2)
    await first.spend(limits, "shared")
    await second.spend(limits, "shared")

    with pytest.raises(RateLimited):
        await first.spend(limits, "shared")
    await first.close()
    await second.close()


async def test_where_redis_is_not_there_nobody_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limiter = RateLimiter("redis://127.0.0.1:1/0")

    assert await limiter.spend(RateLimits(per_minute=1), "a") is None
    assert caplog.messages == ["rate limits are not kept: ConnectionError"]
    await limiter.close()


async def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(rate_limits, "time", lambda: now)
    limiter = RateLimiter(MEMORY)
    limits = RateLimits(per_minute=1)
    assert await limiter.spend(limits, "a") == Allowance(1, 60, 0, 60)
    now += 59
    with pytest.raises(RateLimited, match="ask again in 1 seconds"):
        await limiter.spend(limits, "a")

    now += 1

    assert await limiter.spend(limits, "a") == Allowance(1, 60, 0, 60)


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "REMEMBERED_COUNTERS", 10)
    storage: Any = BoundedMemoryStorage()

    for number in range(1000):
        await storage.incr(f"address{number}", 60)

    assert await storage.reset() == 10
    assert await storage.get("address999") == 1


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("Redis did not start")
