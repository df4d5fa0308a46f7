"""The processes that hold GPUs, by what is safe to tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostProcess:
    """One process; its arguments and environment may hold secrets and are never read."""

    pid: int
    name: str
    """As the kernel keeps it, 15 characters."""
    user_id: int
    started_unix_ns: int
    """0 where unknown."""
    cgroup: str = ""
    """Its control group, which names the pod and container; empty where unknown."""
    state: str = ""
    """The kernel's letter: ``R`` runs, ``S`` sleeps, ``D`` waits and cannot be killed, ``Z`` is dead; empty unknown."""
