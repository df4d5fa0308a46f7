"""GPUs that fail, alone or as many others do, and when the fleet was last looked at for why."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentinel_gateway.domain.acquittals import Acquittal
from sentinel_gateway.domain.passes import LastPasses
from sentinel_gateway.model.guards import Guard


@dataclass(slots=True)
class Trial:
    """GPUs that fail, alone or as many others do, by UUID."""

    acquittals: dict[str, Acquittal] = field(default_factory=dict)
    doubted: dict[str, int] = field(default_factory=dict)
    """When people were asked about GPUs that a common cause may hide."""
    waiting: dict[str, int] = field(default_factory=dict)
    """The probe types (bit n for type n) of which they are still to be acquitted; begun anew after a restart."""
    held: dict[str, int] = field(default_factory=dict)
    """Judged after the next look for common causes, and since when; after a restart all that failed lately."""
    passes: dict[str, LastPasses] = field(default_factory=dict)
    """When SMs last passed, of GPUs with failures or in a deep test; not stored."""


@dataclass(slots=True)
class Looks:
    """When the fleet was last looked at for common causes, and what came of it that is not stored."""

    compared_ns: int = 0
    """For failures of probes."""
    excused_ns: int = 0
    """For anomalies."""
    excuses: tuple[Guard, ...] = ()
    """What anomalies had in common."""
    is_any_unseen: bool = False
    """Anomalies came since."""
