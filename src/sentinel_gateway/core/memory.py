"""What the core keeps in memory: everything that decisions are made from, as it was stored last.

It is never changed while a round is decided. A round works on layers over these dictionaries, which are published all
at once after the database has the round, or dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from sentinel_gateway.domain.batches import Source
from sentinel_gateway.domain.configuration import ComponentState, Configuration, subject
from sentinel_gateway.domain.directives import DirectiveNews, DirectiveRecord
from sentinel_gateway.domain.faults import Fault
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.trust import Edge
from sentinel_gateway.storage.changes import Loaded

Key = TypeVar("Key")
Value = TypeVar("Value")

_RECENT_NEWS = 1000


class Memory:
    """See the module."""

    def __init__(self) -> None:
        self.gpus: dict[str, GpuState] = {}
        self.sources: dict[tuple[str, str], Source] = {}
        self.waiting: dict[str, DirectiveRecord] = {}
        self.edges: dict[tuple[str, str], Edge] = {}
        self.components: dict[str, ComponentState] = {}
        self.faults: dict[str, Fault] = {}
        self.telemetry_times: dict[str, int] = {}
        """When the newest telemetry of a GPU was measured; not stored, so late batches win once after a restart."""
        self.configuration = Configuration()
        self.last_gpu_id = 0
        self.last_news = 0
        self.recent_news: deque[DirectiveNews] = deque(maxlen=_RECENT_NEWS)
        self.round_number = 0

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


class Layer(Generic[Key, Value]):
    """Changes over a dictionary that stays as it is until they are published."""

    def __init__(self, base: dict[Key, Value]) -> None:
        self._base = base
        self.changed: dict[Key, Value | None] = {}
        """None for what is no more."""

    def get(self, key: Key) -> Value | None:
        """The value as it is after the changes; None for none."""
        return self.changed[key] if key in self.changed else self._base.get(key)

    def __len__(self) -> int:
        """How many there are, where none was taken away."""
        return len(self._base) + sum(key not in self._base for key in self.changed)

    def put(self, key: Key, value: Value) -> None:
        """Add or replace."""
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

    def kept(self) -> dict[Key, Value]:
        """What was added or replaced."""
        return {key: value for key, value in self.changed.items() if value is not None}

    def publish(self) -> None:
        """Make the changes good."""
        for key, value in self.changed.items():
            if value is None:
                self._base.pop(key, None)
            else:
                self._base[key] = value
