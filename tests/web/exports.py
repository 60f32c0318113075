"""Clients of exports that are longer than what is between server and client holds."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import update

from call_analytics.db.models import Assistant
from tests.platform import Platform, add_many_calls
from tests.tenants import Tenant, make_tenant

PATH = "/api/v1/calls/export?first=2025-12-01&last=2026-03-10&format=jsonl"
MANY = 25_000
"""Calls whose file is longer than the buffers of the system."""
LONGEST_NAME = 100
PATIENCE = 120


def make_large_tenant(platform: Platform) -> Tenant:
    """An organization with so many calls."""
    tenant = make_tenant(platform)
    add_many_calls(platform, tenant.assistants, MANY)
    platform.run(platform.execute(update(Assistant).values(name="x" * LONGEST_NAME)))
    return tenant


@contextmanager
def reading(base: str, tenant: Tenant) -> Iterator[socket.socket]:
    """A connection over which an export has begun; its own end holds few bytes."""
    parts = urlsplit(base)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.settimeout(PATIENCE)
        client.connect((parts.hostname, parts.port))
        head = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.key}\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
        yield client


def rest_of(client: socket.socket) -> bytearray:
    """What comes until the answer or the connection ends."""
    received = bytearray()
    with suppress(ConnectionError):
        while not is_whole(received) and (part := client.recv(65_536)):
            received += part
    return received


def is_whole(received: bytearray) -> bool:
    """Whether an answer has its last chunk."""
    return received.endswith(b"\r\n0\r\n\r\n")


def export(base: str, tenant: Tenant) -> httpx2.Response:
    """A whole export, or a refusal."""
    return httpx2.get(f"{base}{PATH}", headers=tenant.headers, timeout=PATIENCE)
