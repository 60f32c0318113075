"""Running documents without HTTP, for as many questions as a test has."""

import json
from datetime import datetime
from typing import Any

from call_analytics.resolvers.analytics import Analytics
from call_analytics.schema.context import Context
from call_analytics.schema.limits import DocumentLimits
from call_analytics.schema.operations import Operations
from tests.platform import Platform

OPERATIONS = Operations(
    DocumentLimits(
        max_tokens=10**6,
        max_depth=50,
        max_fields=10**6,
        max_repeated_fields=10**6,
        max_aliases=10**6,
        max_root_fields=10,
        max_directives=10,
        max_errors=5,
    ),
    is_private=False,
    trusted=None,
)


def run_document(
    platform: Platform,
    document: str,
    variables: dict[str, Any],
    analytics: Analytics,
    organization: int,
    now: datetime,
) -> Any:
    """The data of the answer to a document, which may have no errors."""
    context = Context(organization, now, analytics, limits=NotImplemented)
    run = OPERATIONS.run(
        OPERATIONS.document(document, None, None),
        operation_name=None,
        variables=variables,
        context=context,
        middleware=None,
    )
    body = platform.run(run).body
    assert "errors" not in body, body["errors"]
    return json.loads(json.dumps(body["data"]))
