"""Cursors: the places of calls, as opaque texts that are good for one organization."""

import base64
import binascii
import struct
from datetime import datetime, timedelta
from hashlib import blake2b

from call_analytics.db.calls.call_reader import Position
from call_analytics.db.calls.page_statements import LARGEST_ID, LEAST_ID
from call_analytics.resolvers.errors import BadInput

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - stored timestamps have no zone
MICROSECOND = timedelta(microseconds=1)
PLACE = struct.Struct(">qq")
"""Microseconds since the epoch, and an id."""
CHECK_BYTES = 8


def cursor_of(position: Position, organization_id: int) -> str:
    """The cursor of a call."""
    place = PLACE.pack((position.started_at - EPOCH) // MICROSECOND, position.id)
    return base64.urlsafe_b64encode(place + _check(place, organization_id)).decode()


def position_of(name: str, cursor: str, organization_id: int) -> Position:
    """The place that a cursor stands for; ``name`` is the argument's.

    The check keeps mistakes out. It is no secret, and needs to be none: a place shows nothing but
    what the organization that asks may see from there.

    Raises:
        BadInput: where it is no cursor of this organization.
    """
    try:
        decoded = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
        place, check = decoded[: PLACE.size], decoded[PLACE.size :]
        if check != _check(place, organization_id):
            raise ValueError(check)
        microseconds, number = PLACE.unpack(place)
        if not LEAST_ID < number < LARGEST_ID:
            raise ValueError(number)
        return Position(EPOCH + microseconds * MICROSECOND, number)
    except (ValueError, OverflowError, struct.error, binascii.Error):
        raise BadInput(
            f"calls: `{name}` is no cursor of your calls; send one as an earlier page had it."
        ) from None


def _check(place: bytes, organization_id: int) -> bytes:
    owner = organization_id.to_bytes(8, "big", signed=True)
    return blake2b(place, key=owner, digest_size=CHECK_BYTES).digest()
