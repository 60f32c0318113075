"""``call-analytics schema``: what GraphQL clients see."""

import typer


def schema() -> None:
    """Print the GraphQL schema."""
    from call_analytics.schema.query import schema as graphql_schema  # noqa: PLC0415 - slow, and only needed here

    typer.echo(graphql_schema.as_str())
