"""What a text, and what a name, may be."""

from unicodedata import category

CONTROLS = {"Cc", "Zl", "Zp"}
"""Unicode's categories of control characters, and of its own line and paragraph separators."""


def text_problem(text: str, longest: int) -> str | None:
    """Why a database would not take a text of at most so many characters; None where it does."""
    if len(text) > longest:
        return f"is longer than {longest} characters"
    if "\0" in text or any(category(character) == "Cs" for character in text):
        return "has a character that is no text"
    return None


def name_problem(name: str, longest: int) -> str | None:
    """Why a text is no name; None where it is one."""
    if not name.strip():
        return "is empty"
    if any(category(character) in CONTROLS for character in name.replace("\0", "")):
        return "has a line break or a control character"
    return text_problem(name, longest)
