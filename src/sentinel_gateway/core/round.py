"""One round: requests that are decided one after the other and stored in one transaction.

Deciding functions get a round, look at it, and change it; they raise before they change anything. What they see is the
memory with all changes of this round on top, and what was looked up for them in the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sentinel_gateway.core import records
from sentinel_gateway.core.counters import Counters
from sentinel_gateway.core.memory import MAX_CORRELATED, Layer, Memory
from sentinel_gateway.core.overlay import Overlay
from sentinel_gateway.core.recording import Recording, Trim
from sentinel_gateway.core.touched import Touched
from sentinel_gateway.domain.alerts import AlertChanges
from sentinel_gateway.domain.batches import BatchKey
from sentinel_gateway.domain.configuration import VersionedUpdate
from sentinel_gateway.domain.directives import DirectiveNews, DirectiveRecord, DirectiveStatus
from sentinel_gateway.domain.gpus import (
    GpuState,
    belief_of,
    completed,
    described,
    first_seen,
    given_back,
    marked,
    moved,
)
from sentinel_gateway.domain.happened import Happened
from sentinel_gateway.domain.happened import Happening as Followed
from sentinel_gateway.domain.happenings import Correlated, DirectiveChanged, Happening, StateChanged
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.history import Correlation, ReliabilitySample, StateTransition
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.settings import CoreSettings
from sentinel_gateway.domain.telemetry import LatestTelemetry
from sentinel_gateway.domain.tmr import TmrVerdict
from sentinel_gateway.storage.changes import Canary, Changes, Found
from sentinel_sdk.ledger.entry import NewEntry


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a GPU's state changes."""

    event: str
    """Names the ledger entry, such as ``directive.executed``."""
    reason: str
    initiated_by: str
    record: DirectiveRecord | None = None


class Round(Overlay):
    """See the module."""

    def __init__(self, memory: Memory, settings: CoreSettings, now_ns: int, found: Found) -> None:
        super().__init__(memory, now_ns)
        self.settings = settings
        self.model = settings.model
        self.window_s = int(settings.history.rate_window.total_seconds())
        self.touched = Touched()
        self.noted: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        """What is to be recorded together with what else of its kind happens within a minute: event and fields."""
        self.happenings: list[Happening] = []
        """For alerts."""
        self.alerts: AlertChanges | None = None
        """What alerting made of them, to be stored with the round."""
        self.entries: list[NewEntry] = []
        self.recordings: list[Recording | Trim] = []
        self.counters = Counters()
        self._found = found
        self._last_gpu_id = memory.last_gpu_id
        self._last_news = memory.last_news
        self._last_event = memory.last_event
        self._batches: set[BatchKey] = set()
        self._tags: set[bytes] = set()
        self._verdicts: dict[str, TmrVerdict] = {}
        self._updates: dict[str, VersionedUpdate] = {}
        self._changes = Changes(now_ns)

    def gpu(self, gpu: Gpu, *, by_agent: bool = False) -> GpuState:
        """What is known of a GPU that somebody reports about; from now on it is known.

        Its own agent describes it. Whoever else speaks of it only adds what is not known yet.
        """
        known = self.gpus.get(gpu.uuid)
        if known is not None:
            now_known = described(known, gpu) if by_agent else completed(known, gpu)
            if now_known is not known:
                self.forget_kinds()
            return now_known
        self.forget_kinds()
        self._last_gpu_id += 1
        known = first_seen(self._last_gpu_id, gpu, self.now_ns)
        self.gpus.put(gpu.uuid, known)
        return known

    def has_room_for(self, gpus: Iterable[Gpu]) -> bool:
        """Whether all of them are known, or may become so."""
        unknown = sum(self.gpus.get(gpu.uuid) is None for gpu in gpus)
        return not unknown or self._last_gpu_id + unknown <= self.settings.ingest.max_gpus

    def put_gpu(self, known: GpuState) -> None:
        """Keep a GPU, with a sample of its score where one is due."""
        interval_ns = self.settings.history.sample_interval.total_seconds() * 1e9
        if self.now_ns - known.sampled_ns >= interval_ns:
            known = self._sampled(known)
        before = self.gpus.get(known.gpu.uuid)
        if known.is_probed(self.now_ns) and not (before and before.is_probed(self.now_ns)):
            self.forget_kinds()
        self.gpus.put(known.gpu.uuid, known)

    def move(self, known: GpuState, state: HealthState, cause: Cause) -> None:
        """Keep a GPU in another state; its history, the ledger and followers tell of it."""
        self._change(known, moved(known, state, cause.reason, self.now_ns, cause.initiated_by), cause)

    def give_back(self, known: GpuState, cause: Cause) -> None:
        """Keep a GPU as it was before it was taken out of use; told like any change."""
        self._change(known, given_back(known, cause.reason, self.now_ns), cause)

    def mark(self, known: GpuState, state: HealthState, cause: Cause) -> None:
        """Keep a GPU as SUSPECT, or no longer, by the gateway's own judgement; told like any change."""
        self._change(known, marked(known, state, cause.reason, self.now_ns), cause)

    def _change(self, known: GpuState, changed: GpuState, cause: Cause) -> None:
        transition = StateTransition(
            known.gpu.uuid,
            known.state,
            changed.state,
            self.now_ns,
            cause.reason,
            cause.initiated_by,
            cause.record.directive_id if cause.record else "",
        )
        self._changes.transitions.append(transition)
        self.counters.transitions[known.state, changed.state] += 1
        self.entries.append(records.state_change(transition, known.gpu, cause.event, cause.record))
        self.follow(transition, known.gpu)
        self.happenings.append(StateChanged.of(transition, known.gpu))
        self.gpus.put(known.gpu.uuid, self._sampled(changed))

    def follow(self, what: Followed, gpu: Gpu | None) -> None:
        """Have followers told."""
        self._last_event += 1
        self._changes.events.append(Happened(self._last_event, self.now_ns, what, gpu))

    def correlate(self, found: Correlation) -> None:
        """Keep a finding; the ledger, followers and alerts tell of it."""
        self._changes.correlations.append(found)
        self.counters.correlations[found.pattern_type] += 1
        self.entries.append(records.correlation(found))
        self.follow(found, found.gpu)
        self.happenings.append(Correlated.of(found))
        if found.gpu is not None:
            known = self.correlated.get(found.gpu.uuid) or ()
            self.correlated.put(found.gpu.uuid, (*known, found)[-MAX_CORRELATED:])

    def _sampled(self, known: GpuState) -> GpuState:
        belief = belief_of(known, self.settings.belief)
        sample = ReliabilitySample(known.gpu.uuid, self.now_ns, belief.alpha, belief.beta)
        self._changes.samples.append(sample)
        return replace(known, sampled_ns=self.now_ns)

    def was_seen(self, key: BatchKey) -> bool:
        """Whether a batch was stored before, or in this round."""
        return key in self._batches or key in self._found.batches

    def add_batch(self, key: BatchKey) -> None:
        """Remember a batch."""
        self._batches.add(key)
        self._changes.batches.append(key)

    def was_reported(self, tag: bytes) -> bool:
        """Whether a signed result with this tag was stored before, or in this round."""
        return tag in self._tags or tag in self._found.tags

    def add_tag(self, tag: bytes) -> None:
        """Remember a signed result."""
        self._tags.add(tag)
        self._changes.tags.append(tag)

    def directive(self, directive_id: str) -> DirectiveRecord | None:
        """A directive; None where none has this id."""
        changed = self._changes.directives.get(directive_id)
        return changed or self.waiting.get(directive_id) or self._found.directives.get(directive_id)

    def put_directive(self, record: DirectiveRecord) -> None:
        """Keep a directive; followers are told where it was executed or begins to wait."""
        is_told = record.status in (DirectiveStatus.EXECUTED, DirectiveStatus.WAITING)
        self._changes.directives[record.directive_id] = record
        if record.status is DirectiveStatus.WAITING:
            self.waiting.put(record.directive_id, record)
        elif self.waiting.get(record.directive_id) is not None:
            self.waiting.remove(record.directive_id)
        self.counters.directives[record.status.name.lower()] += 1
        self.follow(record, record.directive.gpu)
        self.happenings.append(DirectiveChanged.of(record, self.now_ns))
        if is_told:
            self._last_news += 1
            self._changes.news.append(DirectiveNews(self._last_news, record.directive))

    def keep_directive(self, record: DirectiveRecord, by: str = "") -> None:
        """Keep what became of a directive that left its GPU as it is; an entry tells of it, and `by` whom."""
        self.put_directive(record)
        self.entries.append(records.directive(record, self.now_ns, by))

    def verdict(self, canary_id: str) -> TmrVerdict | None:
        """How a canary was counted; None where it was not."""
        return self._verdicts.get(canary_id) or self._found.canaries.get(canary_id)

    def put_verdict(self, verdict: TmrVerdict, time_ns: int) -> None:
        """Remember that a canary was counted."""
        self._verdicts[verdict.canary_id] = verdict
        self.counters.votes[verdict.outcome] += 1
        self._changes.canaries.append(Canary(verdict, time_ns))

    def update(self, update_id: str) -> VersionedUpdate | None:
        """A configuration update; None where none has this id."""
        return self._updates.get(update_id) or self._found.updates.get(update_id)

    def put_update(self, update: VersionedUpdate) -> None:
        """Put an update into force."""
        self._updates[update.update_id] = update
        self._changes.updates.append(update)
        self.configuration = self.configuration.with_update(update)

    def tell(self, event: str, fields: Mapping[str, str] = MappingProxyType({})) -> None:
        """Have something put on record as a SYSTEM_EVENT."""
        self.entries.append(records.system(event, fields, self.now_ns))

    def note(self, event: str, count: int = 1, **fields: str) -> None:
        """Have something recorded that may happen often: one entry a minute with the count."""
        self.noted[event, tuple(sorted(fields.items()))] += count

    def changes(self) -> Changes:
        """The rows to be written."""
        changes = self._changes
        changes.gpus = self.gpus.kept()
        changes.sources = self.sources.kept()
        changes.edges = self.edges.kept()
        changes.components = self.components.kept()
        changes.faults = self.faults.changed
        changes.guards = self.guards.changed
        changes.sightings, changes.anomalous = self.sightings.changed, self.anomalous.changed
        changes.acquittals, changes.doubted = self.acquittals.changed, self.doubted.changed
        changes.open_canaries = self.canaries.changed
        changes.alerts = self.alerts
        return changes

    def put_telemetry(self, gpu_id: int, latest: LatestTelemetry) -> None:
        """Keep a GPU's newest telemetry."""
        self._changes.telemetry[gpu_id] = latest

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        layers: tuple[Layer[Any, Any], ...] = (self.gpus, self.sources, self.edges, self.components, self.faults)
        layers += (self.guards, self.sightings, self.anomalous, self.acquittals, self.doubted, self.canaries)
        lists = (self._changes.directives, self._changes.canaries, self._changes.updates, self._changes.telemetry)
        return not (
            self.entries or self.recordings or self.alerts or any(lists) or any(layer.changed for layer in layers)
        )

    def publish(self) -> None:
        """Put everything into the memory it was made from; the database has it."""
        self.publish_layers()
        memory = self._memory
        memory.last_gpu_id = self._last_gpu_id
        memory.last_news, memory.last_event = self._last_news, self._last_event
        memory.recent_news.extend(self._changes.news)
        memory.recent_events.extend(self._changes.events)
        memory.round_number += 1
