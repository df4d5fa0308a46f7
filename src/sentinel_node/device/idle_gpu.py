"""Whether nobody else computes on a GPU, asked of the driver right before a deep run, with the GPU's lease held.

One rule for whoever wants to run: the schedule, the service, a command. Two things are easily taken for a tenant:

* **A process of ours that ends meanwhile.** So ours are noted before the driver is asked, not after.
* **Our own run before this one.** What the driver calls utilisation is a mean over a period of up to a second, and is
  told until the next period ended. A busy GPU on which a probe of ours has just ended is looked at again when that
  cannot be what is seen any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sentinel_node.domain.leases import Leases
from sentinel_node.domain.permission import check_idle, is_busy, needs_idle_gpu
from sentinel_node.domain.probes import ProbePlan
from sentinel_node.domain.telemetry import GpuSample

ECHO_S = 2.0
"""Two periods of the driver's: https://docs.nvidia.com/deploy/nvml-api/structnvmlUtilization__t.html"""


@dataclass(frozen=True, slots=True)
class IdleGpus:
    """What is asked, and what is known of ourselves."""

    read: Callable[[], Awaitable[tuple[GpuSample, ...]]]
    """All GPUs as they are now; raises as the driver's reader does."""
    own_pids: Callable[[], frozenset[int]]
    """This process and those of its probes."""
    leases: Leases

    async def check(self, plan: ProbePlan) -> None:
        """Whether a plan that needs an idle GPU has one; the others are not asked about.

        Raises:
            Refused: somebody computes there.
            Unavailable: nobody can tell.
        """
        if not needs_idle_gpu(plan):
            return
        echo_s = ECHO_S - self.leases.since_end_s(plan.gpu_uuid)
        own_pids, sample = await self._look(plan.gpu_uuid)
        if is_busy(sample) and echo_s > 0:
            await asyncio.sleep(echo_s)
            own_pids, sample = await self._look(plan.gpu_uuid)
        check_idle(plan, sample, own_pids)

    async def _look(self, gpu_uuid: str) -> tuple[frozenset[int], GpuSample | None]:
        own_pids = self.own_pids()
        samples = await self.read()
        return own_pids, next((one for one in samples if one.gpu.uuid == gpu_uuid), None)
