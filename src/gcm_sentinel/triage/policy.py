"""What triage decides by: the settings of folding and admission, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """Windows, sizes and limits; the defaults are those of the settings."""

    settle: timedelta = timedelta(seconds=2)
    """How long new triggers are gathered before incidents are opened for them."""
    burst: timedelta = timedelta(minutes=3)
    """Silence that ends a burst."""
    recovery: timedelta = timedelta(minutes=5)
    """How long nothing may be wrong before an incident closes; doubled with each flap."""
    cooldown: timedelta = timedelta(hours=1)
    """Per node and kind, from when an investigation was asked for; zero for none."""
    min_nodes: int = 3
    """Fewest nodes that may be folded by what they share."""
    min_share: float = 0.5
    """Least share of a group's nodes that must be affected for the group to be the cause."""
    allowlist: tuple[str, ...] = ()
    """Globs of node names; empty for all."""
    retry_failed: timedelta = timedelta(minutes=10)
    """Soonest another try after a failed investigation; doubled with each failure in a row."""
    revisit_after: timedelta = timedelta(minutes=15)
    """Soonest the LLM looks again at what was answered in its place."""
    max_revisits: int = 3
    llm_available: bool = False
    """Whether the LLM could answer a revisit now."""
