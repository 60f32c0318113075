"""Rollups: a log of what changed, and the sums that are folded from it.

Triggers on ``calls`` append to the log, in the writer's own transaction, what each statement
changed, by assistant and quarter hour. Folding moves rows of the log into the sums: by assistant
and by organization, each by quarter hour, hour, day and month. So at every instant the sums and the
log together are the calls. Everything here follows from that:

- **reading** adds the log to the sums, and is right however long nobody folds;
- **folding** changes no figure;
- **verifying** selects, in one snapshot, how much the calls of each key exceed sums and log;
- **repairing**, and filling rollups for the first time, append just that difference to the log.

Appending takes no lock that another writer of ``calls`` could wait for.

The log knows an assistant, not its organization: whose calls they are is decided when they are read
or folded. The sums are those of the organization that an assistant had when it was folded. When an
assistant gets another organization, or is deleted, a trigger notes the one it had, as a move. Who
sees a move that concerns an organization reads its calls instead, until folding has settled it: it
gives the sums to the new organization or, where there is none, back to the log.

Where calls are partitioned or distributed by organization, the log has the organization, too, and
nothing moves; see ``Placement``. Folding locks the table of moves all the same.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    SmallInteger,
    Table,
)

from call_analytics.db.figures.measures import MEASURES
from call_analytics.db.placement import Placement

LAYOUT = 3
"""The number of this layout: of the tables, of their columns and of what the triggers do. Rollups
of another layout are not read."""

SUMS = ", ".join(measure.name for measure in MEASURES)
"""The columns of the sums, as a statement lists them."""

IN_PARTS = "in parts"
"""Marks, in a column's ``info``, one that is there only where the placement keys the log."""

WATCHED = "assistant_id, started_at, status, duration"
"""The columns of a call that its rollups depend on."""

_metadata = MetaData()


def _sums() -> list[Column[int]]:
    return [Column(measure.name, BigInteger, nullable=False) for measure in MEASURES]


rollup_log = Table(
    "call_rollups_log",
    _metadata,
    # Ascending, but not in the order of commits; PostgreSQL has no index of it.
    Column("id", BigInteger, primary_key=True),
    Column("organization_id", BigInteger, info={IN_PARTS: True}),
    Column("assistant_id", BigInteger, nullable=False),
    Column("bucket", DateTime, nullable=False),
    *_sums(),
)
"""Rows to be added. ``bucket`` is the start of the UTC quarter hour."""

assistant_sums = Table(
    "call_rollups_assistants",
    _metadata,
    Column("organization_id", BigInteger, primary_key=True),
    Column("grain", SmallInteger, primary_key=True),
    Column("bucket", DateTime, primary_key=True),
    Column("assistant_id", BigInteger, primary_key=True),
    *_sums(),
)
"""``bucket`` is the start of the UTC quarter hour, hour, day or month, as ``grain`` says."""

organization_sums = Table(
    "call_rollups_organizations",
    _metadata,
    Column("organization_id", BigInteger, primary_key=True),
    Column("grain", SmallInteger, primary_key=True),
    Column("bucket", DateTime, primary_key=True),
    *_sums(),
)
"""The same, of all assistants together."""

assistant_moves = Table(
    "call_rollups_moves",
    _metadata,
    Column("organization_id", BigInteger, nullable=False),
    Column("assistant_id", BigInteger, nullable=False),
)
"""Assistants that have left an organization, which may still have their sums."""

rollups_state = Table(
    "call_rollups_state",
    _metadata,
    Column("is_ready", Boolean, nullable=False),
    Column("layout", Integer, nullable=False),
)
"""One row: whether the rollups hold all calls and may be read, and their layout."""

FOLDED = (rollup_log, assistant_sums, organization_sums, assistant_moves)
"""The tables that folding writes, in the order in which they are locked."""


def columns_of(placement: Placement) -> dict[str, tuple[str, ...]]:
    """The columns of each table. A database may need more tables, and more columns of the state."""
    return {
        table.name: tuple(
            column.name
            for column in table.columns
            if placement.keys_log or IN_PARTS not in column.info
        )
        for table in (*FOLDED, rollups_state)
    }


COLUMNS = columns_of(Placement.TOGETHER)
"""The same where calls are in one table."""

OLD_TABLES = ("call_rollups",)
"""Tables of earlier layouts."""
