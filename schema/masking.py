"""GraphQL errors as clients see them: theirs in full, ours masked with an id that the log has."""

import logging
import re
import traceback
import uuid
from collections.abc import Sequence
from typing import Any

from graphql import GraphQLEnumType, GraphQLError, GraphQLSchema

from call_analytics.resolvers.errors import ExpectedError

logger = logging.getLogger("call_analytics")

# How graphql-core names the enum that a value in a document, or of a variable, does not belong to.
ENUM = re.compile(r"does not exist in '(\w+)' enum|Enum '(\w+)' cannot represent")
SUGGESTION = " Did you mean"


def presented(
    errors: Sequence[GraphQLError],
    schema: GraphQLSchema,
    *,
    at_most: int,
    code: str,
    is_private: bool,
) -> list[dict[str, Any]]:
    """The first errors of one response, each with a code in its extensions.

    ``code`` is that of an error which graphql-core itself found in the client's input. Whatever
    else is not an expected error is replaced, and logged under the id that the client gets.
    An error about an enum lists its values. Errors about a private schema suggest nothing of it.
    """
    return [_presented(error, schema, code, is_private=is_private) for error in errors[:at_most]]


def _presented(
    error: GraphQLError, schema: GraphQLSchema, code: str, *, is_private: bool
) -> dict[str, Any]:
    shown: dict[str, Any] = {**error.formatted}
    cause = error.original_error
    if isinstance(cause, ExpectedError):
        shown["extensions"] = {"code": cause.code}
    elif cause is None or isinstance(cause, GraphQLError):
        shown["extensions"] = {"code": code}
        if is_private:
            # Some rules of graphql-core ignore its option hide_suggestions.
            shown["message"] = error.message.partition(SUGGESTION)[0]
        else:
            shown["message"] = _with_enum_values(error.message, schema)
    else:
        error_id = log_fault(cause)
        shown["message"] = f"Something went wrong on our side. Error id: {error_id}"
        shown["extensions"] = {"code": "INTERNAL_SERVER_ERROR", "errorId": error_id}
    return shown


def _with_enum_values(message: str, schema: GraphQLSchema) -> str:
    """The message, with the values of the enum that it is about, if it is about one."""
    found = ENUM.search(message)
    enum = schema.get_type(found[1] or found[2]) if found else None
    if not isinstance(enum, GraphQLEnumType):
        return message
    return f"{message.rpartition(SUGGESTION)[0] or message} Its values: {', '.join(enum.values)}."


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
