"""GraphQL errors as clients see them: theirs in full, ours masked with an id that the log has."""

import logging
import traceback
import uuid
from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError

from call_analytics.resolvers.errors import ExpectedError
from call_analytics.schema.suggestions import LONGEST_MESSAGE

logger = logging.getLogger("call_analytics")


def presented(errors: Sequence[GraphQLError], *, at_most: int, code: str) -> list[dict[str, Any]]:
    """The first errors of one response, each with a code in its extensions.

    ``code`` is that of an error which graphql-core itself found in the client's input. Whatever
    else is not an expected error is replaced, and logged under the id that the client gets.
    A message that repeats much of the input is cut.
    """
    return [_presented(error, code) for error in errors[:at_most]]


def _presented(error: GraphQLError, code: str) -> dict[str, Any]:
    shown: dict[str, Any] = {**error.formatted}
    cause = error.original_error
    if isinstance(cause, ExpectedError):
        shown["extensions"] = {"code": cause.code}
    elif cause is None or isinstance(cause, GraphQLError):
        shown["extensions"] = {"code": code}
        if len(error.message) > LONGEST_MESSAGE:
            shown["message"] = f"{error.message[: LONGEST_MESSAGE - 3]}..."
    else:
        error_id = log_fault(cause)
        shown["message"] = f"Something went wrong on our side. Error id: {error_id}"
        shown["extensions"] = {"code": "INTERNAL_SERVER_ERROR", "errorId": error_id}
    return shown


def log_fault(fault: BaseException) -> str:
    """Log a fault of ours; returns the id under which the log has it.

    The log gets its type and place: messages and tracebacks may hold SQL, paths and secrets.
    """
    error_id = uuid.uuid4().hex[:12]
    logger.error(
        "error %s", error_id, extra={"fault": type(fault).__qualname__, "place": _place(fault)}
    )
    return error_id


def _place(fault: BaseException) -> str:
    """Where a fault arose, as ``module:function:line``: in our code, if it came through it."""
    places = [
        (frame.f_globals.get("__name__", ""), frame.f_code.co_name, line)
        for frame, line in traceback.walk_tb(fault.__traceback__)
    ]
    if not places:
        return "unknown"
    ours = [place for place in places if place[0].startswith("call_analytics.")]
    module, function, line = (ours or places)[-1]
    return f"{module}:{function}:{line}"
