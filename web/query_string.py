"""The parameters of a request's query string, whose number is limited."""

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from call_analytics.resolvers.errors import BadInput

MOST_PARAMETERS = 100


def query_parameters(request: Request[Any]) -> QueryParams:
    """The parameters. Where one is looked up by a name that is repeated, the last one counts.

    Raises:
        BadInput: where there are more than ``MOST_PARAMETERS``.
    """
    if request.scope["query_string"].count(b"&") >= MOST_PARAMETERS:
        raise BadInput(f"The query string has more than {MOST_PARAMETERS} parameters.")
    return request.query_params
