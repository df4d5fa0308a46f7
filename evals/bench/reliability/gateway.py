"""The memory of a simulated gateway: a fleet in which every GPU is probed by the schedule, and nobody ever leaves.

Nothing is stored and nobody is told, but all that decisions are made from is kept as the gateway keeps it: its own
`Memory`, changed by its own rounds. What only needs to be true, and would cost time to change with every sweep (when a
GPU was last probed, how many results it had), is told when it is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

from gcm_sentinel.evals.bench.reliability.schedule import NS_PER_S, START_NS, Schedule, tick_of
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.domain.belief import Tally
from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.domain.gpus import GpuState, described
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.domain.sms import SmTable

_HOUR_NS = 3600 * NS_PER_S
_SOON_NS, _LATER_NS = _HOUR_NS, 20 * _HOUR_NS
"""Between two times at which every GPU's results are counted: the more often, the fewer there are."""


class Gateway:
    """See the module."""

    def __init__(self, fleet: Sequence[Gpu], schedule: Schedule) -> None:
        self.memory = Memory()
        self._schedule = schedule
        self._due_ns = 0
        self._passed: dict[int, int] = {}
        """When each probe type last passed; of all GPUs, for what fails on one of them is sighted there."""
        ones = array("Q", [1] * schedule.sms)
        sms = SmTable(ones, array("Q", [0] * schedule.sms))
        for number, gpu in enumerate(fleet):
            self.memory.gpus[gpu.uuid] = GpuState(
                number, gpu, START_NS, state_changed_ns=START_NS, sms=sms, passed=self._passed
            )
        self.memory.last_gpu_id = len(fleet)

    def describe(self, gpu: Gpu) -> None:
        """A host says something new about its GPU."""
        known = self.memory.gpus[gpu.uuid]
        self.memory.gpus[gpu.uuid] = described(known, gpu)
        self.memory.kinds = None

    def know(self, now_ns: int) -> None:
        """All are still there and probed. What was counted of the fleet holds until somebody is taken out."""
        memory = self.memory
        self._passed.update(dict.fromkeys(map(int, ProbeType), now_ns))
        if now_ns >= self._due_ns:
            self._count_results(now_ns)
        if memory.kinds is not None:
            memory.kinds = replace(memory.kinds, counted_ns=now_ns)
        if not memory.automatic:
            memory.lately = replace(memory.lately, counted=memory.lately.counted._replace(time_ns=now_ns))

    def _count_results(self, now_ns: int) -> None:
        self._due_ns = now_ns + max(_SOON_NS, min(_LATER_NS, now_ns - START_NS))
        seen = Tally(passes=self._schedule.results_before(WHOLE, tick_of(now_ns) + 1))
        for uuid, known in self.memory.gpus.items():
            self.memory.gpus[uuid] = replace(known, seen=seen, last_probe_ns=now_ns)

    @property
    def is_anything_open(self) -> bool:
        """Whether time alone may change what the gateway believes."""
        memory = self.memory
        trial = memory.trial
        open_ = (memory.sightings, memory.guards, memory.anomalous, trial.acquittals, trial.waiting, trial.held)
        return any(open_)
