"""What the core keeps in memory: everything that decisions are made from, as it was stored last.

It is never changed while a round is decided. A round works on layers over these dictionaries, which are published all
at once after the database has the round, or dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Generic, TypeVar

from sentinel_gateway.core.acquittals import Looks, Trial
from sentinel_gateway.core.kinds import Kinds
from sentinel_gateway.core.overhead import HostOverhead
from sentinel_gateway.core.touched import Lately, Told
from sentinel_gateway.domain.batches import Source
from sentinel_gateway.domain.configuration import ComponentState, Configuration, subject
from sentinel_gateway.domain.directives import DirectiveNews, DirectiveRecord
from sentinel_gateway.domain.faults import Fault
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.happened import Happened
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Correlation
from sentinel_gateway.domain.sightings import Sighted
from sentinel_gateway.domain.tmr import OpenCanary
from sentinel_gateway.domain.trust import Edge, Pair
from sentinel_gateway.storage.changes import Loaded, RaisedGuard

Key = TypeVar("Key")
Value = TypeVar("Value")

_RECENT_NEWS = 1000
_RECENT_EVENTS = 2000
MAX_CORRELATED = 10
"""Findings about one GPU that are told with its health; the newest."""
_WATCHED = (HealthState.SUSPECT, HealthState.DEEP_TEST)


class Memory:
    """See the module."""

    def __init__(self) -> None:
        self.gpus: dict[str, GpuState] = {}
        self.sources: dict[tuple[str, str], Source] = {}
        self.waiting: dict[str, DirectiveRecord] = {}
        self.edges: dict[Pair, Edge] = {}
        self.components: dict[str, ComponentState] = {}
        self.faults: dict[str, Fault] = {}
        self.telemetry_times: dict[str, int] = {}
        """When the newest telemetry of a GPU was measured; not stored, so late batches win once after a restart."""
        self.guards: dict[str, RaisedGuard] = {}
        """Causes that many GPUs share, by key."""
        self.sightings: dict[tuple[str, int], Sighted] = {}
        """When which GPU failed which probe type lately."""
        self.anomalous: dict[tuple[str, int], Sighted] = {}
        """The same for types of anomalies."""
        self.canaries: dict[str, OpenCanary] = {}
        """Whose results are waited for, in the order in which they were scheduled."""
        self.trial = Trial()
        self.looks = Looks()
        self.automatic: tuple[int, ...] = ()
        """When the gateway took GPUs out by itself."""
        self.lately = Lately()
        self.kinds: Kinds | None = None
        """None where it must be counted anew."""
        self.told: dict[tuple[str, int, int | None], int] = {}
        """When which pattern was last told of which GPU and SM."""
        self.correlated: dict[str, tuple[Correlation, ...]] = {}
        """The newest findings about each GPU, oldest first."""
        self.overridden: dict[str, Told] = {}
        """Hosts that were asked for more probes; not stored, so they are asked again after a restart."""
        self.overhead: dict[str, HostOverhead] = {}
        """What probes take of the GPUs of each host; not stored."""
        self.watched: dict[str, frozenset[str]] = {}
        """GPUs by host for which more probes are wanted."""
        self.uncorrected: dict[str, int] = {}
        """ECC errors that could not be corrected, as last reported; not stored."""
        self.recent_events: deque[Happened] = deque(maxlen=_RECENT_EVENTS)
        self.configuration = Configuration()
        self.last_gpu_id = self.last_news = self.last_event = self.round_number = 0
        self.recent_news: deque[DirectiveNews] = deque(maxlen=_RECENT_NEWS)

    def fill(self, loaded: Loaded) -> None:
        """Take over what was stored."""
        self.gpus = {known.gpu.uuid: known for known in loaded.gpus}
        self.sources = {(source.kind, source.hostname): source for source in loaded.sources}
        self.waiting = {record.directive_id: record for record in loaded.waiting}
        self.edges = {edge.pair: edge for edge in loaded.edges}
        self.components = {state.ack.component_id: state for state in loaded.components}
        self.faults = {fault.injection_id: fault for fault in loaded.faults}
        self.configuration = Configuration(
            loaded.version, {subject(update.payload): update for update in loaded.updates}
        )
        self.last_gpu_id = max((known.gpu_id for known in loaded.gpus), default=0)
        self.last_news = loaded.last_news
        self.round_number = loaded.round_number
        self.guards = {guard.key: guard for guard in loaded.guards}
        self.last_event = loaded.last_event
        for found in loaded.correlations:
            if found.gpu is not None:
                known = self.correlated.get(found.gpu.uuid, ())
                self.correlated[found.gpu.uuid] = (*known, found)[-MAX_CORRELATED:]
                self.told[found.gpu.uuid, found.pattern_type, found.sm_id] = found.time_ns
        self.sightings, self.anomalous = dict(loaded.kept.sightings), dict(loaded.kept.anomalous)
        self.trial = Trial(dict(loaded.kept.acquittals), dict(loaded.kept.doubted))
        self.trial.held = {uuid: seen.received_ns for (uuid, _), seen in self.sightings.items()}
        self.canaries = {one.request.canary_id: one for one in loaded.kept.canaries}
        self.watch(self.gpus)

    def watch(self, changed: Mapping[str, GpuState]) -> None:
        """Know for which hosts more probes are wanted, now that these GPUs changed."""
        for uuid, known in changed.items():
            host = known.gpu.hostname
            watched = self.watched.get(host, frozenset())
            if known.state in _WATCHED:
                self.watched[host] = watched | {uuid}
            elif uuid in watched:
                self.watched[host] = watched - {uuid}
                if not self.watched[host]:
                    del self.watched[host]


class Layer(Generic[Key, Value]):
    """Changes over a dictionary that stays as it is until they are published."""

    def __init__(self, base: dict[Key, Value]) -> None:
        self._base = base
        self.changed: dict[Key, Value | None] = {}
        """None for what is no more."""
        self._added = 0

    def get(self, key: Key) -> Value | None:
        """The value as it is after the changes; None for none."""
        return self.changed[key] if key in self.changed else self._base.get(key)

    def __len__(self) -> int:
        """How many there are, where none was taken away."""
        return len(self._base) + self._added

    def put(self, key: Key, value: Value) -> None:
        """Add or replace."""
        if key not in self.changed and key not in self._base:
            self._added += 1
        self.changed[key] = value

    def remove(self, key: Key) -> None:
        """Take away."""
        self.changed[key] = None

    def values(self) -> Iterator[Value]:
        """All values, without those that are no more."""
        for key, value in self._base.items():
            if key not in self.changed:
                yield value
        yield from self.kept().values()

    def items(self) -> Iterator[tuple[Key, Value]]:
        """All keys and values, without those that are no more."""
        for key, value in self._base.items():
            if key not in self.changed:
                yield key, value
        yield from self.kept().items()

    def kept(self) -> dict[Key, Value]:
        """What was added or replaced."""
        return {key: value for key, value in self.changed.items() if value is not None}

    def first(self, most: int) -> list[Key]:
        """Some keys of what there is, `most` of them at most."""
        return [key for key, _ in islice(self.items(), most)]

    def publish(self) -> None:
        """Make the changes good."""
        for key, value in self.changed.items():
            if value is None:
                self._base.pop(key, None)
            else:
                self._base[key] = value
