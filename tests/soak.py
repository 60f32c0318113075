"""Mixed good and hostile load on several workers while things break; `make soak`.

The database is stopped, crashed and frozen, workers are killed, keys are revoked, and calls are
written all the while. Every answer must be right or an honest refusal, and nothing may hang. Ends
with a table of what happened, and with a failure if anything did that must not.
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx2
import psutil
import typer
from sqlalchemy import func, insert, select, update

from call_analytics.db.engine import connect, transaction
from call_analytics.db.errors import DatabaseError
from call_analytics.db.models import Call, UserApiKey
from tests.command import run, started, worker_processes
from tests.conftest import migrate
from tests.hostile import DOCUMENTS
from tests.platform import Platform, key_row
from tests.postgres import PostgresCluster

# What is committed survives a crash of the server's processes, if not of the machine.
CONFIGURATION = """
fsync = off
listen_addresses = ''
unix_socket_directories = '{directory}'
max_connections = 100
"""
KEY_CACHE_SECONDS = 2
CONNECT_TIMEOUT_SECONDS = 3
SETTINGS = {
    "WORKERS": 3,
    "REQUESTS_PER_MINUTE": 0,
    "KEY_CACHE_SECONDS": KEY_CACHE_SECONDS,
    "CONNECT_TIMEOUT_SECONDS": CONNECT_TIMEOUT_SECONDS,
    "STATEMENT_TIMEOUT_SECONDS": 5,
    "HEAD_TIMEOUT_SECONDS": 5,
    "BODY_TIMEOUT_SECONDS": 5,
    "REQUEST_TIMEOUT_SECONDS": 15,
    "COMPACTION_SECONDS": 2,
    "TRUSTED_PROXIES": "127.0.0.1",
}
HANGS_AFTER_SECONDS = 40
LARGEST_GROWTH = 1.25
REST = "/api/v1/calls/analytics?period=90d"
STRICT = {"Accept": "application/graphql-response+json"}
OFFICE = {"X-Forwarded-For": "198.51.100.7"}
ATTACKER = {"X-Forwarded-For": "203.0.113.66"}
FIGURES = (
    "{ callAnalytics(period: LAST_90_DAYS) "
    "{ totalCalls dailyStats { total } topAssistants(limit: 100) { calls } } }"
)
HONEST_REFUSALS = {429, 503}


class Ledger:
    """What is known of the calls that are written, whatever becomes of the connection."""

    def __init__(self) -> None:
        self.begun = 0
        self.committed = 0


class Soak:
    """One run: the load, the faults, and the counts."""

    def __init__(self, platform: Platform, base: str, server: psutil.Process) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.ledger = Ledger()
        self._platform = platform
        self._base = base
        self._server = server
        self._memory: list[int] = []
        self._stopping = asyncio.Event()
        self._ids = iter(range(5_000_000, 10_000_000))
        self.steady = platform.add_organization("steady")
        self.growing = platform.add_organization("growing")
        self._growing_assistant = platform.add_assistant(self.growing)
        self._keys = {name: platform.add_key(name) for name in (self.steady, self.growing)}
        now = datetime.now(UTC).replace(tzinfo=None)
        assistants = platform.add_assistants(self.steady, 8)
        platform.add_calls(
            [
                {
                    "assistant_id": assistants[number % 8],
                    "started_at": now - timedelta(days=1 + number % 80),
                }
                for number in range(4_000)
            ]
        )

    async def run(self, cluster: PostgresCluster, seconds: float) -> None:
        """Load and faults for so long; then see that the service has resumed."""
        loads = [self._good_client] * 8 + [self._hostile_client] * 3 + [self._slow_client] * 2
        loads += [self._writer] * 2 + [self._key_user, self._memory_watcher]
        tasks = [asyncio.create_task(self._until_stopped(load)) for load in loads]
        await self._faults(cluster, seconds)
        self._stopping.set()
        async with asyncio.timeout(2 * HANGS_AFTER_SECONDS):
            await asyncio.gather(*tasks)
        await self._see_that_it_has_resumed()

    def report(self) -> bool:
        """Print the counts; whether all is well."""
        for what, count in sorted(self.counts.items()):
            print(f"{count:9,}  {what}")
        early, late = self._growth()
        print(f"memory of all workers: {early / 2**20:.0f} MB early, {late / 2**20:.0f} MB late")
        for line in self.wrong[:20]:
            print(f"WRONG: {line}")
        hung = self.counts["hung"]
        print(f"{len(self.wrong)} wrong answers, {hung} hung requests")
        return not self.wrong and not hung and late <= LARGEST_GROWTH * early

    async def _until_stopped(self, load: Callable[[httpx2.AsyncClient], Awaitable[None]]) -> None:
        async with httpx2.AsyncClient(base_url=self._base, timeout=HANGS_AFTER_SECONDS) as client:
            while not self._stopping.is_set():
                try:
                    await load(client)
                except httpx2.TimeoutException:
                    self.counts["hung"] += 1
                except httpx2.TransportError:
                    self.counts["connections cut or refused"] += 1
                    await asyncio.sleep(0.05)

    async def _faults(self, cluster: PostgresCluster, seconds: float) -> None:
        calm = seconds / 7
        await asyncio.sleep(calm)
        for fault in (
            self._stopped(cluster, "fast"),
            self._killed_worker(),
            self._stopped(cluster, "immediate"),
            self._killed_worker(),
            self._frozen(cluster),
        ):
            await fault
            await asyncio.sleep(calm)

    async def _stopped(self, cluster: PostgresCluster, mode: str) -> None:
        await asyncio.to_thread(cluster.stop, mode)
        await asyncio.sleep(3)
        await asyncio.to_thread(cluster.start)
        self.counts["fault: database stopped"] += 1

    async def _killed_worker(self) -> None:
        worker = random.choice(worker_processes(self._server.pid))
        os.kill(worker.pid, signal.SIGKILL)
        self.counts["fault: worker killed"] += 1

    async def _frozen(self, cluster: PostgresCluster) -> None:
        processes = cluster.processes()
        for process_id in processes:
            os.kill(process_id, signal.SIGSTOP)
        await asyncio.sleep(4)
        for process_id in reversed(processes):
            os.kill(process_id, signal.SIGCONT)
        self.counts["fault: database frozen"] += 1

    async def _good_client(self, client: httpx2.AsyncClient) -> None:
        organization = random.choice([self.steady, self.growing])
        committed = self.ledger.committed
        is_rest = random.random() < 0.5
        response = await self._ask(client, self._keys[organization], is_rest=is_rest)
        begun = self.ledger.begun
        if response.status_code in HONEST_REFUSALS:
            self.counts[f"honest refusals: {response.status_code}"] += 1
            if "retry-after" not in response.headers:
                self.wrong.append(f"{response.status_code} without Retry-After")
            await asyncio.sleep(0.05)
            return
        if response.status_code != 200:
            self.wrong.append(f"{response.status_code} {response.text[:200]}")
            return
        total, days, assistants = _figures(response.json(), is_rest=is_rest)
        low, high = (4_000, 4_000) if organization == self.steady else (committed, begun)
        if not low <= total <= high or days != total or assistants != total:
            self.wrong.append(f"{low} <= {total} <= {high}, days {days}, assistants {assistants}")
            return
        self.counts["right answers"] += 1

    async def _ask(self, client: httpx2.AsyncClient, key: str, *, is_rest: bool) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}", **STRICT, **OFFICE}
        if is_rest:
            return await client.get(REST, headers=headers)
        return await client.post("/graphql", json={"query": FIGURES}, headers=headers)

    async def _hostile_client(self, client: httpx2.AsyncClient) -> None:
        key = random.choice([self._keys[self.steady], "burki_" + "0" * 32, ""])
        document = random.choice(list(DOCUMENTS.values()))[0]
        body = random.choice(
            [
                json.dumps({"query": document}).encode(),
                random.randbytes(500),
                b"[" * 50_000,
                b"x" * 300_000,
                json.dumps([{"query": FIGURES}] * 100).encode(),
            ]
        )
        headers = {"Content-Type": "application/json", **STRICT, **ATTACKER}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        response = await client.post("/graphql", content=body, headers=headers)
        if response.status_code not in {400, 401, 413, *HONEST_REFUSALS}:
            self.wrong.append(f"hostile: {response.status_code} {response.text[:200]}")
        self.counts["hostile requests refused"] += 1
        await asyncio.sleep(0.01)

    async def _slow_client(self, _client: httpx2.AsyncClient) -> None:
        """A client that begins a request and does not go on."""
        address = urlsplit(self._base)
        try:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            await asyncio.sleep(0.1)
            return
        writer.write(b"POST /graphql HTTP/1.1\r\nHost: x\r\n")
        try:
            async with asyncio.timeout(HANGS_AFTER_SECONDS):
                await reader.read()
            self.counts["slow requests dropped"] += 1
        except TimeoutError:
            self.counts["hung"] += 1
        except OSError:
            self.counts["connections cut or refused"] += 1
        writer.close()

    async def _writer(self, _client: httpx2.AsyncClient) -> None:
        row = self._platform.call_row(
            assistant_id=self._growing_assistant,
            started_at=datetime.now(UTC).replace(tzinfo=None),
        )
        self.ledger.begun += 1
        try:
            async with transaction(self._platform.writer) as connection:
                await connection.execute(insert(Call), [row])
        except DatabaseError:
            self.counts["calls that may not be written"] += 1
            await asyncio.sleep(0.1)
        else:
            self.ledger.committed += 1
            self.counts["calls written"] += 1
            await asyncio.sleep(0.01)

    async def _key_user(self, client: httpx2.AsyncClient) -> None:
        """A key that is revoked must stop working when the cache has forgotten it, and for good."""
        key, key_id = "", 0
        try:
            key, key_id = await self._new_key()
            await self._ask(client, key, is_rest=True)
            await self._revoke(key_id)
        except DatabaseError:
            await asyncio.sleep(0.5)
            return
        await asyncio.sleep(KEY_CACHE_SECONDS + 0.5)
        for _ in range(5):
            response = await self._ask(client, key, is_rest=True)
            if response.status_code not in {401, *HONEST_REFUSALS}:
                self.wrong.append(f"a revoked key got {response.status_code}")
            self.counts["uses of revoked keys refused"] += 1

    async def _new_key(self) -> tuple[str, int]:
        key = f"burki_{next(self._ids):032d}"
        row = key_row(self.steady, key)
        async with transaction(self._platform.writer) as connection:
            key_id = await connection.scalar(insert(UserApiKey).returning(UserApiKey.id), row)
        return key, int(key_id or 0)

    async def _revoke(self, key_id: int) -> None:
        async with transaction(self._platform.writer) as connection:
            await connection.execute(
                update(UserApiKey).where(UserApiKey.id == key_id).values(is_active=False)
            )

    async def _memory_watcher(self, _client: httpx2.AsyncClient) -> None:
        await asyncio.sleep(1)
        workers = worker_processes(self._server.pid)
        if len(workers) == SETTINGS["WORKERS"]:
            self._memory.append(sum(worker.memory_info().rss for worker in workers))

    def _growth(self) -> tuple[float, float]:
        """Mean memory of the second and of the last quarter of the run."""
        quarter = max(1, len(self._memory) // 4)
        early, late = self._memory[quarter : 2 * quarter], self._memory[-quarter:]
        return sum(early) / len(early), sum(late) / len(late)

    async def _see_that_it_has_resumed(self) -> None:
        async with connect(self._platform.reader) as connection:
            calls = await connection.scalar(
                select(func.count()).where(Call.assistant_id == self._growing_assistant)
            )
        await asyncio.sleep(CONNECT_TIMEOUT_SECONDS)
        async with httpx2.AsyncClient(base_url=self._base, timeout=HANGS_AFTER_SECONDS) as client:
            for number in range(60):
                name, expected = [(self.steady, 4_000), (self.growing, calls)][number % 2]
                response = await self._ask(client, self._keys[name], is_rest=False)
                if (
                    response.status_code != 200
                    or expected != _figures(response.json(), is_rest=False)[0]
                ):
                    self.wrong.append(f"afterwards: {response.status_code} {response.text[:200]}")
                else:
                    self.counts["right answers afterwards"] += 1


def _figures(answer: Any, *, is_rest: bool) -> tuple[int, int, int]:
    """The total of an answer, and what its days and its assistants sum up to."""
    if is_rest:
        return (
            answer["total_calls"],
            sum(day["total"] for day in answer["daily_stats"].values()),
            sum(assistant["calls"] for assistant in answer["top_assistants"]),
        )
    figures = answer["data"]["callAnalytics"]
    return (
        figures["totalCalls"],
        sum(day["total"] for day in figures["dailyStats"]),
        sum(assistant["calls"] for assistant in figures["topAssistants"]),
    )


def main(seconds: Annotated[float, typer.Option(help="How long the load lasts.")] = 150) -> None:
    """Soak the service."""
    began = time.monotonic()
    with (
        PostgresCluster(CONFIGURATION) as cluster,
        tempfile.TemporaryDirectory() as directory,
        asyncio.Runner() as runner,
    ):
        url = cluster.url("postgres")
        runner.run(migrate(url))
        platform = Platform(url, runner)
        settings = {"DATABASE_URL": url, **SETTINGS}
        with started(Path(directory), "serve", **settings) as (base, process):
            soak = Soak(platform, base, psutil.Process(process.pid))
            runner.run(soak.run(cluster, seconds))
        platform.close()
        verified = run(Path(directory), "rollups", "verify", DATABASE_URL=url)
        is_well = soak.report()
    print(f"rollups: {verified.stdout.strip().splitlines()[-1]}")
    print(f"{time.monotonic() - began:.0f} seconds")
    sys.exit(0 if is_well and verified.returncode == 0 else 1)


if __name__ == "__main__":
    typer.run(main)
