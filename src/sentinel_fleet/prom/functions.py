"""The names of everything the server answers; a query that uses another name is refused while parsing."""

from sentinel_fleet.prom.aggregates import AGGREGATIONS
from sentinel_fleet.prom.pointwise import DATE_FUNCTIONS, POINT_FUNCTIONS
from sentinel_fleet.prom.windows import WINDOW_FUNCTIONS

_OTHERS = frozenset(
    {
        "absent",
        "histogram_quantile",
        "label_join",
        "label_replace",
        "pi",
        "scalar",
        "sort",
        "sort_desc",
        "time",
        "timestamp",
        "vector",
    }
)

FUNCTIONS = _OTHERS | frozenset(WINDOW_FUNCTIONS) | frozenset(POINT_FUNCTIONS) | frozenset(DATE_FUNCTIONS)

__all__ = ["AGGREGATIONS", "FUNCTIONS"]
