"""Which organization a command is about."""

from typing import Annotated

import typer

from call_analytics.db.errors import OperatorError

OrganizationOption = Annotated[
    str | None,
    typer.Option("--organization", help="Slug of the organization; may be left out if only one."),
]


def only_organization(slugs: list[str]) -> str:
    """The only one of these organizations.

    Raises:
        OperatorError: where there is not exactly one; the message lists them.
    """
    if len(slugs) == 1:
        return slugs[0]
    there_are = ", ".join(slugs) or "none yet"
    raise OperatorError(f"name the organization with --organization (there are: {there_are})")
