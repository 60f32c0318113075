"""Importing a platform's call export into a managed database."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from call_analytics.db.admin.migrate import require_managed
from call_analytics.db.admin.organizations import find_organization
from call_analytics.db.calls.files import FileRow, read_call_file
from call_analytics.db.calls.rows import BadRow, CallRow
from call_analytics.db.calls.store import (
    StagedCall,
    assistants_by_name,
    create_assistant,
    lock_organization,
    store_calls,
)
from call_analytics.db.engine import Database, transaction
from call_analytics.db.errors import OperatorError

BATCH_ROWS = 10_000
FOREIGN_CALL = "Call SID is the call of another organization"


@dataclass(slots=True)
class ImportReport:
    """What became of a file's rows so far."""

    added: int = 0
    updated: int = 0
    rejected: int = 0
    position: int = 0
    """Bytes of the file that have been read."""


async def import_calls(
    database: Database,
    path: Path,
    organization_slug: str,
    *,
    strict: bool,
    on_bad_row: Callable[[int, str], None],
    on_progress: Callable[[ImportReport], None],
) -> ImportReport:
    """Store a file's calls; a call whose SID is known is updated, so a file may come twice.

    A bad row is handed to ``on_bad_row`` with its line and its reason, and the rest goes in; or,
    where the import is ``strict``, nothing does. ``on_progress`` hears of every batch.

    Raises:
        OperatorError: where the file is no export, or has bad rows and the import is strict.
    """
    report = ImportReport()
    async with AsyncExitStack() as whole_file:
        whole = await whole_file.enter_async_context(transaction(database)) if strict else None
        for batch in _batches(read_call_file(path)):
            if whole is not None:
                await _store(whole, organization_slug, batch, report, on_bad_row)
            else:
                async with transaction(database) as connection:
                    await _store(connection, organization_slug, batch, report, on_bad_row)
            on_progress(report)
        if strict and report.rejected:
            raise OperatorError(f"nothing was imported: {report.rejected} bad rows")
    return report


async def _store(
    connection: AsyncConnection,
    organization_slug: str,
    batch: list[FileRow],
    report: ImportReport,
    on_bad_row: Callable[[int, str], None],
) -> None:
    await require_managed(connection)
    organization_id = await find_organization(connection, organization_slug)
    await lock_organization(connection, organization_id)
    bad_rows = [(row.line, str(row.content)) for row in batch if isinstance(row.content, BadRow)]
    calls = [(row.line, row.content) for row in batch if isinstance(row.content, CallRow)]
    newest = {call.call_sid: number for number, (_line, call) in enumerate(calls)}
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
                to_phone_number="",  # the export has none
                customer_phone_number=call.customer_phone_number,
                status=call.status,
                duration=call.duration,
                started_at=call.started_at,
                ended_at=call.ended_at,
            )
        )
    stored = await store_calls(connection, organization_id, staged)
    foreign_sids = {calls[number][1].call_sid for number in stored.foreign}
    bad_rows += [(line, FOREIGN_CALL) for line, call in calls if call.call_sid in foreign_sids]
    for line, reason in sorted(bad_rows):
        on_bad_row(line, reason)
    report.added += stored.added
    report.updated += len(batch) - stored.added - len(bad_rows)  # earlier rows of a call as well
    report.rejected += len(bad_rows)
    report.position = batch[-1].position


def _batches(rows: Iterable[FileRow]) -> Iterator[list[FileRow]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield batch
