"""Cells of a table that a spreadsheet would take for a formula, and run.

Such a cell gets an apostrophe in front, with which a spreadsheet takes it for text
(https://owasp.org/www-community/attacks/CSV_Injection). So does one that has apostrophes there
already: so the one that was added can be told, and taken away again.
"""

import re

_FORMULA = re.compile(r"['\s]*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]")
"""White space and apostrophes, then what begins a formula, also in its full-width form."""


def made_harmless(text: str) -> str:
    """A text as a cell that is no formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def as_it_was(cell: str) -> str:
    """The text of a cell that ``made_harmless`` may have made."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
