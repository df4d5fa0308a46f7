"""What the API server said to the requests of an order when each was sent as a dry run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DryRun:
    """One line each."""

    refusals: tuple[str, ...] = ()
    """What it would refuse whenever it is sent: no permission, denied by an admission webhook, not valid."""
    notes: tuple[str, ...] = ()
    """What whoever decides must know: an eviction that a budget would hold up, a request that could not be tried."""
