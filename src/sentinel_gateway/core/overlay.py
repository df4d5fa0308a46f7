"""What a round changes of the memory, over the memory as it was: dropped with the round, or published with it."""

from __future__ import annotations

from sentinel_gateway.core.kinds import Kinds, kinds_of
from sentinel_gateway.core.memory import Layer, Memory


class Overlay:
    """See the module."""

    def __init__(self, memory: Memory) -> None:
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
        self.told = Layer(memory.told)
        self.correlated = Layer(memory.correlated)
        self.overridden = Layer(memory.overridden)
        self.uncorrected = Layer(memory.uncorrected)
        self.automatic = memory.automatic
        self.lately = memory.lately
        self.compared_ns = memory.compared_ns
        self.configuration = memory.configuration
        self.loaded_ns = memory.loaded_ns
        self._memory = memory
        self._kinds = memory.kinds

    @property
    def kinds(self) -> Kinds:
        """How many GPUs there are of each kind, as the round sees them."""
        if self._kinds is None:
            self._kinds = kinds_of(known.gpu for known in self.gpus.values())
        return self._kinds

    def forget_kinds(self) -> None:
        """A GPU was added or described anew."""
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
        for told in (self.told, self.correlated, self.overridden):
            told.publish()
        for seen in (self.telemetry_times, self.sightings, self.anomalous, self.uncorrected):
            seen.publish()
        memory.automatic, memory.lately, memory.kinds = self.automatic, self.lately, self._kinds
        memory.compared_ns = self.compared_ns
        memory.configuration = self.configuration
