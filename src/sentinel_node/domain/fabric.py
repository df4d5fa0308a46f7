"""How far a GPU is part of its NVLink fabric, as the fabric manager has told the driver."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_node.domain.gpu import GpuIdentity


@dataclass(frozen=True, slots=True)
class GpuFabric:
    """One GPU's registration with the fabric."""

    gpu: GpuIdentity
    state: str
    """``not_supported`` (no NVSwitch here), ``not_started``, ``in_progress`` or ``completed``; empty where the driver
    does not tell."""
    error: str = ""
    """With ``completed``: the driver's word for why the registration failed; empty where it succeeded."""
    cluster_uuid: str = ""
    """Of the NVLink domain; empty where there is none."""
    clique_id: int | None = None
    troubles: tuple[str, ...] = ()
    """What the fabric's health mask complains of, e.g. ``degraded_bandwidth``."""
    unreadable: str = ""
    """The driver's word where it could not be asked."""
