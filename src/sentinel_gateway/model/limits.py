"""How many GPUs may be taken out of use without a person.

A share of the fleet, for a fleet that seems to break at once rather has one cause. A small fleet would have no such
share, so a floor stands below it; and neither takes more than a quarter of what a fleet has.
"""

from __future__ import annotations

from sentinel_gateway.domain.model_settings import MOST_SHARE, ModelSettings


def may_take_out(in_use: int, settings: ModelSettings) -> int:
    """Of so many GPUs in use, within `ModelSettings.automatic_window`."""
    most = int(MOST_SHARE * in_use)
    return min(most, max(settings.automatic_least, int(settings.automatic_share * in_use)))
