"""One probe per GPU at a time, whoever starts it: the schedule, the service or a command.

Two at once would compete for SMs and each would blame the other's absence of blocks on the silicon. A lease is taken
before a run and given back when the run has ended, which for one that was cancelled is later than its caller left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sentinel_node.domain.errors import Busy

SILENCE_S = 90.0
"""Beyond a plan's deadline, how long whoever holds a GPU waits for a prober's answer before giving the run up: more
than a prober takes to open the GPU (60 s) and to end what hangs (10 s), so that its own account of a run is heard."""


class Leases:
    """Who holds which GPU. Safe from every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders: dict[str, str] = {}

    def take(self, gpu_uuid: str, holder: str) -> None:
        """Hold the GPU until `give_back`.

        `holder` says in words who holds it and for what, as others are told: ``the schedule (fma)``.

        Raises:
            Busy: another probe holds it; names the holder.
        """
        with self._lock:
            if (other := self._holders.get(gpu_uuid)) is not None:
                raise Busy(f"GPU {gpu_uuid!r} is held by {other}: one probe per GPU at a time, ask again when it ended")
            self._holders[gpu_uuid] = holder

    def give_back(self, gpu_uuid: str) -> None:
        """Let go of a GPU that was taken."""
        with self._lock:
            del self._holders[gpu_uuid]

    @contextmanager
    def held(self, gpu_uuid: str, holder: str) -> Iterator[None]:
        """Hold the GPU for a block; raises as `take` does."""
        self.take(gpu_uuid, holder)
        try:
            yield
        finally:
            self.give_back(gpu_uuid)

    def holders(self) -> dict[str, str]:
        """Who holds what now, by UUID of the GPU."""
        with self._lock:
            return dict(self._holders)
