"""The parameters of a request's query string, of which there cannot be any number."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from call_analytics.resolvers.errors import BadInput

MOST_PARAMETERS = 100


def query_parameters(request: Request[Any]) -> Mapping[str, str]:
    """The parameters by name; of a repeated one, the last.

    Raises:
        BadInput: where there are too many to be looked at.
    """
    if request.scope["query_string"].count(b"&") >= MOST_PARAMETERS:
        raise BadInput(f"The query string has more than {MOST_PARAMETERS} parameters.")
    return request.query_params
