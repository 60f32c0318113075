"""The groups of the report, with every measure."""

from call_analytics.db.figures.measures import MEASURES
from call_analytics.db.figures.query import ASSISTANT, Group, Ranking, Steps
from call_analytics.db.rollups.grains import DAY

ALL_MEASURES = frozenset(MEASURES)
EVERYTHING = (
    Group(ALL_MEASURES),
    Group(ALL_MEASURES, steps=Steps(rest=DAY)),
    Group(ALL_MEASURES, (ASSISTANT,), ranking=Ranking(10)),
)
"""The whole window, its UTC days, and the ten assistants with most calls."""
