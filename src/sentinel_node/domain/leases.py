"""One probe per GPU at a time, whoever starts it: the schedule, the service or a command.

Two at once would compete for SMs and each would blame the other's absence of blocks on the silicon. A lease is taken
before a run and given back when the run has ended, which for one that was cancelled is later than its caller left.
Within this process the table here decides; between processes a lock does, where GPUs are the machine's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol

from sentinel_node.domain.errors import Busy

SILENCE_S = 90.0
"""Beyond a plan's deadline, how long whoever holds a GPU waits for a prober's answer before giving the run up: more
than a prober takes to open the GPU (60 s) and to end what hangs (10 s), so that its own account of a run is heard."""


class Locks(Protocol):
    """Holds GPUs against other processes of this machine."""

    def take(self, gpu_uuid: str, what: str) -> None:
        """Hold one; raises `Busy` where another process does, `Unavailable` where nobody can tell."""

    def give_back(self, gpu_uuid: str) -> None:
        """Let go of one that was taken."""


class Leases:
    """Who holds which GPU. Safe from every thread."""

    def __init__(self, locks: Locks | None = None, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """With `locks` a GPU is held against other processes too; None where other processes have other GPUs."""
        self._locks = locks
        self._monotonic_s = monotonic_s
        self._ended_s: dict[str, float] = {}
        self._lock = Lock()
        self._holders: dict[str, str] = {}

    def take(self, gpu_uuid: str, holder: str) -> None:
        """Hold the GPU until `give_back`.

        `holder` says in words who holds it and for what, as others are told: ``the schedule (fma)``.

        Raises:
            Busy: another probe holds it, of this process or another; names the holder.
            Unavailable: nobody can tell whether another process does.
        """
        with self._lock:
            if (other := self._holders.get(gpu_uuid)) is not None:
                raise Busy(f"GPU {gpu_uuid!r} is held by {other}: one probe per GPU at a time, ask again when it ended")
            if self._locks is not None:
                self._locks.take(gpu_uuid, holder)
            self._holders[gpu_uuid] = holder

    def give_back(self, gpu_uuid: str) -> None:
        """Let go of a GPU that was taken."""
        with self._lock:
            del self._holders[gpu_uuid]
            self._ended_s[gpu_uuid] = self._monotonic_s()
            if self._locks is not None:
                self._locks.give_back(gpu_uuid)

    @contextmanager
    def held(self, gpu_uuid: str, holder: str) -> Iterator[None]:
        """Hold the GPU for a block; raises as `take` does."""
        self.take(gpu_uuid, holder)
        try:
            yield
        finally:
            self.give_back(gpu_uuid)

    def since_end_s(self, gpu_uuid: str) -> float:
        """Since when whoever held the GPU last in this process gave it back, in seconds; infinite where nobody did."""
        with self._lock:
            return self._monotonic_s() - self._ended_s.get(gpu_uuid, -math.inf)

    def holders(self) -> dict[str, str]:
        """Who of this process holds what now, by UUID of the GPU."""
        with self._lock:
            return dict(self._holders)
