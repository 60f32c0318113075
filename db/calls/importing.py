"""Importing a platform's call export into a managed database."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.organizations import (
    create_organization,
    find_organization,
    organization_slugs,
)
from call_analytics.db.calls.background import in_background
from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.files import read_call_file
from call_analytics.db.calls.report import ImportReport, Reject
from call_analytics.db.calls.rows import BadRow, CallRow, FileRow
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.calls.store import (
    StagedCall,
    assistants_by_name,
    create_assistant,
    lock_organization,
    store_calls,
)
from call_analytics.db.engine import Database, transaction
from call_analytics.db.errors import OperatorError
from call_analytics.db.rollups.folding import fold_rollups

BATCH_ROWS = 10_000
BATCH_CHARACTERS = 2 << 20


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """Where the calls of a file go, and how."""

    organization_slug: str
    may_create: bool = False
    """Whether the organization is made where there is none of that name."""
    strict: bool = False
    """Whether one bad row keeps out the whole file."""


async def import_calls(
    database: Database,
    file: CallFile,
    target: ImportTarget,
    *,
    columns: Columns,
    clock: Callable[[], datetime],
    on_reject: Callable[[Reject], None],
    on_progress: Callable[[ImportReport], None],
) -> ImportReport:
    """Store a file's calls; a call whose SID is known is updated, so a file may come twice.

    A bad row is handed to ``on_reject``, and the rest goes in; or, where the import is strict,
    nothing does. ``on_progress`` is called after each batch is committed. A first
    cancellation takes effect after the batch that is being stored is committed and reported.

    Raises:
        OperatorError: where the file is no export, or has bad rows and the import is strict.
    """
    report = ImportReport()
    batches = _batches(read_call_file(file, columns))
    async with AsyncExitStack() as whole_file:
        whole: AsyncConnection | None = None

        async def store(batch: list[FileRow]) -> None:
            if whole is not None:
                stored = await _store(whole, target, batch)
            else:
                async with transaction(database) as connection:
                    stored = await _store(connection, target, batch)
            report.added += stored.added
            report.updated += len(stored.calls) - stored.added  # earlier rows of a call as well
            report.rejected += len(stored.rejects)
            now = clock().astimezone(UTC).replace(tzinfo=None)
            for call in stored.calls:
                report.note(call, now)
            for reject in stored.rejects:
                on_reject(reject)
            on_progress(report)

        while (batch := await in_background(lambda: next(batches, None))) is not None:
            if target.strict and whole is None:
                whole = await whole_file.enter_async_context(transaction(database))
            await _finish(store(batch))
        if target.strict and report.rejected:
            raise OperatorError(f"{report.rejected:,} of {report.rows:,} rows are rejected")
    with suppress(OperatorError):  # whoever may not fold leaves it to the server
        await fold_rollups(database)
    return report


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Do work that one cancellation lets come to its end; a second one ends it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


class _StoredBatch(NamedTuple):
    """What became of the rows of a batch."""

    added: int
    calls: list[CallRow]
    """Those that were added or updated, row by row."""
    rejects: list[Reject]


async def _store(
    connection: AsyncConnection, target: ImportTarget, batch: list[FileRow]
) -> _StoredBatch:
    await require_managed(connection)
    organization_id = await _organization(connection, target)
    await lock_organization(connection, organization_id)
    calls = [(row, row.content) for row in batch if isinstance(row.content, CallRow)]
    newest = {call.call_sid: number for number, (_row, call) in enumerate(calls)}
    assistants = await assistants_by_name(connection, organization_id)
    staged = []
    for number in newest.values():
        call = calls[number][1]
        assistant_id = assistants.get(call.assistant_name)
        if assistant_id is None:
            assistant_id = await create_assistant(connection, organization_id, call.assistant_name)
            assistants[call.assistant_name] = assistant_id
        staged.append(
            StagedCall(
                number=number,
                call_sid=call.call_sid,
                assistant_id=assistant_id,
                to_phone_number=call.to_phone_number,
                customer_phone_number=call.customer_phone_number,
                status=call.status,
                duration=call.duration,
                started_at=call.started_at,
                ended_at=call.ended_at,
            )
        )
    added = await store_calls(connection, organization_id, staged)
    rejects = [
        Reject(row.line, str(row.content), row.text)
        for row in batch
        if isinstance(row.content, BadRow)
    ]
    return _StoredBatch(added, [call for _row, call in calls], rejects)


async def _organization(connection: AsyncConnection, target: ImportTarget) -> int:
    slug = target.organization_slug
    if target.may_create and slug not in await organization_slugs(connection):
        return await create_organization(connection, slug, slug)
    return await find_organization(connection, slug)


def _batches(rows: Iterable[FileRow]) -> Iterator[list[FileRow]]:
    """The rows in batches of bounded length; at least one, which may be empty."""
    batch: list[FileRow] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.text)
        if len(batch) == BATCH_ROWS or characters > BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    yield batch
