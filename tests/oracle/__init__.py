"""The meaning of every figure, as plain loops over calls.

It is written from the definitions, and shares nothing with the SQL or with the resolvers. It is
slow: each call is looked at for itself, by the date and the hour that its zone's clock showed, and
nothing here knows when clocks change.

``analytics`` gives the body of the REST endpoint, ``answer`` what GraphQL's ``callAnalytics`` has.
Numbers are to be compared exactly: sums are whole numbers, a mean is ``sum / count`` and a rate
``100 * part / whole``, each divided once.
"""

from tests.oracle.answer import Answer, answer
from tests.oracle.clocks import bucket_name
from tests.oracle.rest import Row, analytics

__all__ = ["Answer", "Row", "analytics", "answer", "bucket_name"]
