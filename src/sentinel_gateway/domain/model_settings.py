"""The numbers of the reliability model, each with where it comes from. docs/sentinel-model.md has the arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

MOST_SHARE = 0.25
"""Of the GPUs in use that settings may let go without a person: what is left must carry the work."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """When evidence is enough. Evidence is counted in nats: natural logarithms of likelihood ratios."""

    healthy_failure_rate: float = 1e-8
    """Chance that a healthy SM fails one exact probe. An upper bound to be checked on the own fleet: 72 hours of a
    healthy fleet of 1,000 GPUs are 2e9 results, of which no more than 20 may fail."""
    suspect_nats: float = math.log(1e9)
    """Two failures of one SM on different sweeps."""
    quarantine_nats: float = math.log(1e15)
    """A CUSUM test with threshold h runs for at least e^h observations between false alarms (Lorden, 1971): 10,000 GPUs
    report 2e11 results in 30 days, so even five tests on each make less than 0.002 false alarms of this threshold."""
    quarantine_bursts: int = 3
    """No SM's failures are enough before so many bursts: the reference's documented consecutive failures."""
    clear_passes: int = 1000
    """Passes of an SM since its last failure before a SUSPECT GPU may be HEALTHY again: documented."""
    clear_after: timedelta = timedelta(hours=1)
    """And so long it stays SUSPECT at least."""
    half_life: timedelta = timedelta(hours=168)
    """Of what anomalies and TMR dissents say: documented."""
    anomaly_cap_nats: float = 21.0
    """All anomalies of a GPU together: enough for SUSPECT, never for quarantine."""
    guard_window: timedelta = timedelta(hours=1)
    """How long a failure counts for what GPUs have in common."""
    guard_share: float = 0.02
    """Of a cohort's GPUs failing within the window: twenty times the share of devices that are ever found defective
    (1 in 1,000), within one hour."""
    guard_gpus: int = 3
    """And at least so many."""
    wide_share: float = 0.25
    """Of a GPU's SMs failing over all its bursts: that is no defect of an SM, and believed where a neighbour passes."""
    prior_defective: float = 0.001
    """Share of devices that corrupt data silently: about one accelerator in 1,000 (Meta, 2025)."""
    probe_doubt: float = 0.05
    """Chance that one kind of evidence alone misleads (a bug of the probe, a race); the more kinds agree, the less."""
    automatic_share: float = 0.005
    """Of the GPUs in use that may be quarantined without a person in `automatic_window`."""
    automatic_least: int = 2
    """So many may be, however small that share is, but no more than a quarter of the GPUs in use."""
    automatic_window: timedelta = timedelta(hours=24)
    deep_test_automatic: bool = True
    """A GPU that the gateway quarantined for its evidence is deep-tested without anybody asking."""
