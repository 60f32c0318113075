"""``call-analytics demo``: the service with calls that are made up."""

from datetime import UTC, datetime

import typer

from call_analytics.cli.serve import run_server
from call_analytics.cli.with_database import with_database
from call_analytics.db.admin.demo import prepare_demo
from call_analytics.db.admin.migrate import upgrade
from call_analytics.db.engine import Database, transaction
from call_analytics.settings import load_settings
from call_analytics.telemetry.logs import configure_logging


def demo() -> None:
    """Fill an empty database with demo calls, print a key, and serve."""
    settings = load_settings()
    typer.echo("Preparing the demo database ...")

    async def prepare(database: Database) -> None:
        async with transaction(database) as connection:
            await upgrade(connection)
            demo = await prepare_demo(connection, datetime.now(UTC))
        base = f"http://{settings.host}:{settings.port}"
        typer.echo(
            f"""
{demo.added:,} calls added. The key below opens the figures of {demo.organization_name}.

  Explorer  {base}/graphql
  GraphQL   {base}/graphql
  REST      {base}/api/v1/calls/analytics
  Key       {demo.key}

curl -s {base}/graphql -H 'Authorization: Bearer {demo.key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"query": "{{ callAnalytics {{ totalCalls successRate }} }}"}}'

curl -s {base}/api/v1/calls/analytics -H 'Authorization: Bearer {demo.key}'
"""
        )

    with_database(settings, prepare)
    configure_logging(settings.log_level)
    run_server(settings)
