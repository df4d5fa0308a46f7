"""How many GPUs may be taken out of use without a person.

A share of the fleet, for a fleet that seems to break at once rather has one cause. A small fleet would have no such
share, so a floor stands below it; and the floor ends where it would cost a fleet a quarter of what it has.
"""

from __future__ import annotations

from sentinel_gateway.model.settings import ModelSettings

_AT_MOST_ONE_IN = 4


def may_take_out(in_use: int, settings: ModelSettings) -> int:
    """Of so many GPUs in use, within `ModelSettings.automatic_window`."""
    floor = min(settings.automatic_least, in_use // _AT_MOST_ONE_IN)
    return max(floor, int(settings.automatic_share * in_use))
