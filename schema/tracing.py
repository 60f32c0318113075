"""Traces of operations and their resolvers, by Strawberry's own OpenTelemetry extension."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from graphql import DocumentNode
from graphql.execution import MiddlewareManager
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from call_analytics.schema.query import schema


@asynccontextmanager
async def traced_operation(
    tracer_provider: Any,  # noqa: ANN401 - of a package that may not be here
    document: DocumentNode,
    operation_name: str | None,
) -> AsyncIterator[MiddlewareManager | None]:
    """A span around an operation; yields what traces its resolvers. Without a provider, nothing.

    The document's text is not in it: there is no telling what a client has written there.
    """
    if tracer_provider is None:
        yield None
        return
    from strawberry.extensions.tracing import OpenTelemetryExtension  # noqa: PLC0415

    execution_context = ExecutionContext(
        query=None,
        schema=schema,
        allowed_operations=(OperationType.QUERY,),
        provided_operation_name=operation_name,
        graphql_document=document,
    )
    extension = OpenTelemetryExtension(
        execution_context=execution_context, tracer_provider=tracer_provider
    )
    async with SchemaExtensionsRunner(execution_context, [extension]).operation():
        yield MiddlewareManager(extension)
