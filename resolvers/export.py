"""Calls as a file: which ones are asked for, and the file's parts."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias
from zoneinfo import ZoneInfo

from call_analytics.db.calls.call_reader import StoredCall
from call_analytics.db.calls.exported_files import ExportedCall, FileFormat, writer_for
from call_analytics.db.calls.exporting import ExportQuery, exported_calls
from call_analytics.db.errors import expected_errors
from call_analytics.db.replicas.servers import Server, Servers
from call_analytics.resolvers.call_list import shown_number
from call_analytics.resolvers.frame import stored_window
from call_analytics.resolvers.local_time import as_local
from call_analytics.resolvers.window import Window

__all__ = ["CallExports", "Export", "FileFormat"]


_Batches: TypeAlias = AsyncGenerator[tuple[StoredCall, ...]]
PART_CALLS = 100
"""Few, so that nobody else waits long while they are written."""


@dataclass(frozen=True, slots=True)
class Export:
    """What a client asks for."""

    file_format: FileFormat
    window: Window
    zone: ZoneInfo | None = None
    """Where it is given, there is a column of its local times."""
    assistant_ids: tuple[int, ...] | None = None
    """None is all assistants."""
    statuses: tuple[str, ...] | None = None
    """None is any status."""

    @property
    def file_name(self) -> str:
        """A name that tells the window by its first and its last date."""
        zone = self.zone or UTC
        first = self.window.start.astimezone(zone)
        last = (self.window.end - timedelta.resolution).astimezone(zone)
        return f"calls-{first:%Y-%m-%d}-to-{last:%Y-%m-%d}.{self.file_format.value}"


class CallExports:
    """The exports of one database and its replicas.

    All but the last four digits of telephone numbers may be hidden.
    """

    def __init__(self, servers: Servers, *, hides_phone_numbers: bool) -> None:
        self._servers = servers
        self._hides_phone_numbers = hides_phone_numbers

    async def parts(self, organization_id: int, export: Export) -> AsyncGenerator[bytes]:
        """The file of an organization's calls, the newest first, part by part.

        The calls are those of one snapshot, which is held until the iterator ends or is closed.
        Where a replica fails before the first part, another server takes its place.

        Raises:
            Unavailable, Overloaded: where the database cannot be asked, also after some parts.
        """
        query = ExportQuery(
            organization_id,
            stored_window(export.window),
            export.assistant_ids,
            export.statuses,
        )
        writer = writer_for(export.file_format, export.zone.key if export.zone else None)
        head = writer.head()
        with expected_errors():
            batches, _ = await self._servers.answer(partial(_begun, query=query))
            async with aclosing(batches):
                async for batch in batches:
                    for start in range(0, len(batch), PART_CALLS):
                        part = batch[start : start + PART_CALLS]
                        yield head + writer.rows(self._row(call, export.zone) for call in part)
                        head = b""
        if head:
            yield head

    def _row(self, call: StoredCall, zone: ZoneInfo | None) -> ExportedCall:
        return ExportedCall(
            call.id,
            call.call_sid,
            call.assistant.id,
            call.assistant.name,
            shown_number(call.to_phone_number, is_hidden=self._hides_phone_numbers),
            shown_number(call.customer_phone_number, is_hidden=self._hides_phone_numbers),
            call.status,
            call.duration,
            call.started_at,
            call.ended_at,
            _local(call.started_at, zone),
        )


async def _begun(server: Server, query: ExportQuery) -> tuple[_Batches, float]:
    """An export from a server that has sent the first batch; its age is not told."""
    batches = exported_calls(server, query)
    async for first in batches:
        return _all(first, batches), 0
    return batches, 0


async def _all(first: tuple[StoredCall, ...], others: _Batches) -> _Batches:
    async with aclosing(others):
        yield first
        async for batch in others:
            yield batch


def _local(moment: datetime | None, zone: ZoneInfo | None) -> datetime | None:
    """A stored timestamp on a zone's clock; None where its calendar does not go so far."""
    if moment is None or zone is None:
        return None
    try:
        return as_local(moment, zone)
    except OverflowError:
        return None
