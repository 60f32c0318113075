"""Which heading of a file stands for which field of a call."""

from collections.abc import Iterable, Mapping, Sequence

from call_analytics.db.calls.rows import FIELD_NAMES, BadRow
from call_analytics.db.errors import OperatorError

REQUIRED_FIELDS = ("call_sid", "assistant_name", "status", "started_at")


class Columns:
    """The fields of a call, each by the headings that may stand for it.

    A heading counts in any case, and a blank is the same as an underscore.
    """

    def __init__(self, headings: Mapping[str, str] | None = None) -> None:
        """``headings`` says, by field, which heading alone stands for it in this file."""
        self._mapped = dict(headings or {})
        self._fields = {
            _normal(spelling): field
            for field, name in FIELD_NAMES.items()
            for spelling in (field, name)
            if field not in self._mapped
        } | {_normal(heading): field for field, heading in self._mapped.items()}

    def known(self, headings: Iterable[str]) -> int:
        """How many of these headings stand for a field."""
        return sum(_normal(heading) in self._fields for heading in headings)

    def fields_of(self, headings: Sequence[str]) -> list[str | None]:
        """The field of each heading of a table; None for those of none.

        Raises:
            OperatorError: where a field that must be there is not, or one is there twice.
        """
        fields = [self._fields.get(_normal(heading)) for heading in headings]
        self.require_mapped(headings)
        for field in FIELD_NAMES:
            places = [number for number, found in enumerate(fields, start=1) if found == field]
            if len(places) > 1:
                raise OperatorError(
                    f"the file's first line has {headings[places[0] - 1]!r} and "
                    f"{headings[places[1] - 1]!r} (columns {places[0]} and {places[1]}), "
                    f"which both stand for {FIELD_NAMES[field]!r}; rename one of them"
                )
            if not places and field in REQUIRED_FIELDS:
                name = FIELD_NAMES[field]
                raise OperatorError(
                    f"the file's first line has no column {name!r} (it has: {_listed(headings)}); "
                    f"if another heading stands for it: --column '{name}=HEADING'"
                )
        return fields

    def require_mapped(self, headings: Iterable[str]) -> None:
        """Refuse headings among which one that was named to us is not.

        Raises:
            OperatorError: naming it.
        """
        there = {_normal(heading) for heading in headings}
        for field, heading in self._mapped.items():
            if _normal(heading) not in there:
                raise OperatorError(
                    f"--column '{FIELD_NAMES[field]}={heading}': the file has no heading "
                    f"{heading!r} (it has: {_listed(headings)})"
                )

    def record_of(self, values: Mapping[str, object]) -> dict[str, object]:
        """An object's values by field.

        Raises:
            BadRow: where two of its keys stand for one field.
        """
        record: dict[str, object] = {}
        for key, value in values.items():
            field = self._fields.get(_normal(key))
            if field is not None and field in record:
                raise BadRow(f"two keys stand for {FIELD_NAMES[field]}")
            if field is not None:
                record[field] = value
        return record


def parse_columns(assignments: Sequence[str]) -> Columns:
    """The columns that ``--column`` describes: each text is a column of ours, ``=``, a heading.

    Raises:
        OperatorError: where a text is not such, names no column, or names one again.
    """
    fields = Columns()
    headings: dict[str, str] = {}
    for text in assignments:
        column, _, heading = text.partition("=")
        heading = heading.strip()
        if not column.strip() or not heading:
            raise OperatorError(
                f"--column {text!r} must be a column and its heading in the file, "
                "like 'Started At=begin'"
            )
        field = next(iter(fields.record_of({column: None})), None)
        if field is None:
            raise OperatorError(
                f"--column {text!r}: there is no column {column.strip()!r}; "
                f"the columns are: {', '.join(FIELD_NAMES.values())}"
            )
        if field in headings:
            raise OperatorError(f"--column names {FIELD_NAMES[field]!r} twice")
        if _normal(heading) in map(_normal, headings.values()):
            raise OperatorError(f"--column gives the heading {heading!r} to two columns")
        headings[field] = heading
    return Columns(headings)


def _normal(heading: str) -> str:
    return " ".join(heading.replace("_", " ").split()).casefold()


def _listed(headings: Iterable[str]) -> str:
    return f"{', '.join(headings):.200}" or "none"
