"""What a round changes of the memory, over the memory as it was: dropped with the round, or published with it."""

from __future__ import annotations

from dataclasses import replace

from sentinel_gateway.core.kinds import Kinds, kinds_of
from sentinel_gateway.core.memory import Layer, Memory


class Overlay:
    """See the module."""

    def __init__(self, memory: Memory, now_ns: int) -> None:
        self.now_ns = now_ns
        self.gpus = Layer(memory.gpus)
        self.sources = Layer(memory.sources)
        self.waiting = Layer(memory.waiting)
        self.edges = Layer(memory.edges)
        self.components = Layer(memory.components)
        self.faults = Layer(memory.faults)
        self.telemetry_times = Layer(memory.telemetry_times)
        self.guards = Layer(memory.guards)
        self.sightings = Layer(memory.sightings)
        self.anomalous = Layer(memory.anomalous)
        self.acquittals = Layer(memory.trial.acquittals)
        self.doubted = Layer(memory.trial.doubted)
        self.canaries = Layer(memory.canaries)
        self.unacquitted = Layer(memory.trial.waiting)
        self.held = Layer(memory.trial.held)
        self.told = Layer(memory.told)
        self.correlated = Layer(memory.correlated)
        self.overridden = Layer(memory.overridden)
        self.overhead = Layer(memory.overhead)
        self.passes = Layer(memory.trial.passes)
        self.uncorrected = Layer(memory.uncorrected)
        self.automatic = memory.automatic
        self.lately = memory.lately
        self.looks = replace(memory.looks)
        self.configuration = memory.configuration
        self._memory = memory
        self._kinds = memory.kinds

    @property
    def kinds(self) -> Kinds:
        """How many GPUs there are of each kind, as the round sees them."""
        if self._kinds is None or self._kinds.is_stale(self.now_ns):
            self._kinds = kinds_of(self.gpus.values(), self.now_ns)
        return self._kinds

    def forget_kinds(self) -> None:
        """A GPU was added, came back or was described anew."""
        self._kinds = None

    def watched(self, hostname: str) -> frozenset[str]:
        """GPUs of a host for which more probes are wanted, as far as earlier rounds say."""
        return self._memory.watched.get(hostname, frozenset())

    def publish_layers(self) -> None:
        """Put the changes into the memory."""
        memory = self._memory
        memory.watch(self.gpus.kept())
        for stored in (self.gpus, self.sources, self.waiting, self.edges, self.components, self.faults, self.guards):
            stored.publish()
        for kept in (self.sightings, self.anomalous, self.acquittals, self.doubted, self.canaries):
            kept.publish()
        for told in (self.told, self.correlated):
            told.publish()
        for seen in (self.telemetry_times, self.uncorrected, self.passes):
            seen.publish()
        self.publish_unstored()
        memory.automatic, memory.lately, memory.kinds = self.automatic, self.lately, self._kinds
        memory.configuration = self.configuration

    def publish_unstored(self) -> None:
        """Put into the memory what was looked at and is never stored: also of a round that has nothing to store."""
        for seen in (self.unacquitted, self.held):
            seen.publish()
        for asked in (self.overridden, self.overhead):
            asked.publish()
        self._memory.looks = self.looks
