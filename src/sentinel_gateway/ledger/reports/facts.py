"""Everything one pass over the ledger collects: what both reports are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentinel_gateway.domain.gpus import Unsummarised
from sentinel_gateway.ledger.reports.access_events import SystemEvents
from sentinel_gateway.ledger.reports.activity import Activity
from sentinel_gateway.ledger.reports.decisions import Decisions
from sentinel_gateway.ledger.reports.fleet import Fleet
from sentinel_gateway.ledger.reports.incidents import Incidents
from sentinel_gateway.ledger.reports.monitoring import Monitoring
from sentinel_gateway.ledger.reports.window import Window

MAX_CUTS = 20


@dataclass(frozen=True, slots=True)
class Cut:
    """Entries that retention removed."""

    entry_id: int
    """Of the entry that records the cut."""
    timestamp_ns: int
    first_kept_entry_id: int
    entries_removed: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the ledger says about a window."""

    window: Window
    complete: bool
    """It still begins with entry 1."""
    cuts: tuple[Cut, ...]
    """The newest `MAX_CUTS` of the whole ledger."""
    activity: Activity
    fleet: Fleet
    incidents: Incidents
    monitoring: Monitoring
    decisions: Decisions
    system: SystemEvents
    unsummarised: Unsummarised = field(default_factory=Unsummarised)
    """Probe results of the window that the gateway has counted, and of which no entry tells yet."""
