"""One pass over the ledger that collects everything both reports need, in memory that does not grow with the entries.

It grows with the GPUs (about 2 KB each) and, by 8 bytes, with the incidents of the window. The pass begins at the first
kept entry, because the state of a GPU at the start of the window follows from what happened before, and it ends at the
newest, because results may be recorded later than they happened.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from sentinel.ext.v1 import records_pb2
from sentinel.v1 import anomaly_pb2, audit_pb2, common_pb2, config_pb2, probe_pb2, trust_pb2
from sentinel_gateway.ledger.reports.access_events import SystemTally
from sentinel_gateway.ledger.reports.activity import ActivityTally
from sentinel_gateway.ledger.reports.decisions import DecisionTally
from sentinel_gateway.ledger.reports.facts import MAX_CUTS, Cut, Facts
from sentinel_gateway.ledger.reports.fleet import FleetTally
from sentinel_gateway.ledger.reports.incidents import IncidentTally
from sentinel_gateway.ledger.reports.monitoring import MonitoringTally, outcome_of
from sentinel_gateway.ledger.reports.window import NS_PER_S, Window
from sentinel_sdk.ledger.entry import Entry, EntryGpu


def gather(entries: Iterable[Entry], window: Window, expected: Iterable[str] = ()) -> Facts:
    """Read `entries`, which come in the order of their ids, once.

    `expected`: UUIDs of GPUs that should be there.
    """
    tally = _Tally(window)
    for entry in entries:
        tally.entry(entry)
    return tally.finished(expected)


class _Tally:
    def __init__(self, window: Window) -> None:
        self._window = window
        self._inside = False
        self._activity = ActivityTally(window)
        self._incidents = IncidentTally(window)
        self._fleet = FleetTally(window, self._incidents)
        self._monitoring = MonitoringTally()
        self._decisions = DecisionTally()
        self._system = SystemTally()
        self._cuts: list[Cut] = []
        self._readers = {
            audit_pb2.AUDIT_ENTRY_TYPE_PROBE_RESULT: self._probe,
            audit_pb2.AUDIT_ENTRY_TYPE_ANOMALY_EVENT: self._anomaly,
            audit_pb2.AUDIT_ENTRY_TYPE_QUARANTINE_ACTION: self._quarantine,
            audit_pb2.AUDIT_ENTRY_TYPE_CONFIG_CHANGE: self._config,
            audit_pb2.AUDIT_ENTRY_TYPE_TMR_RESULT: self._vote,
            audit_pb2.AUDIT_ENTRY_TYPE_SYSTEM_EVENT: self._record,
        }

    def entry(self, entry: Entry) -> None:
        self._activity.entry(entry.entry_id, entry.entry_type, entry.timestamp_ns)
        if entry.gpu is not None and entry.gpu.uuid:
            self._fleet.seen(entry.gpu, entry.entry_id, entry.timestamp_ns)
        reader = self._readers.get(audit_pb2.AuditEntryType.ValueType(entry.entry_type))
        self._inside = entry.timestamp_ns in self._window
        try:
            if reader is None or not reader(entry):
                self._unreadable(entry)
        except DecodeError:
            self._unreadable(entry)

    def finished(self, expected: Iterable[str]) -> Facts:
        activity = self._activity.finished()
        complete = activity.first_entry_id <= 1
        fleet = self._fleet.finished(activity.newest_ns, complete=complete, expected=expected)
        return Facts(
            self._window,
            complete,
            tuple(self._cuts[-MAX_CUTS:]),
            activity,
            fleet,
            self._incidents.finished(),
            self._monitoring.finished(),
            self._decisions.finished(),
            self._system.finished(),
        )

    def _unreadable(self, entry: Entry) -> None:
        if self._inside:
            self._activity.undecodable(entry.entry_id)

    def _probe(self, entry: Entry) -> bool:
        probe = probe_pb2.ProbeExecution.FromString(entry.data)
        if not probe.probe_type or not probe.result:
            return self._record(entry)
        uuid = self._about(entry, probe.sm.gpu)
        if probe.result == probe_pb2.PROBE_RESULT_FAIL:
            self._signal(0, uuid, entry)
        if self._inside:
            self._monitoring.execution(entry.entry_id, probe)
            if uuid:
                self._fleet.probed(uuid, entry.timestamp_ns, entry.timestamp_ns)
        return True

    def _anomaly(self, entry: Entry) -> bool:
        event = anomaly_pb2.AnomalyEvent.FromString(entry.data)
        if not event.anomaly_type:
            return False
        self._signal(1, self._about(entry, event.gpu), entry)
        if self._inside:
            self._monitoring.anomaly(entry.entry_id, event)
        return True

    def _quarantine(self, entry: Entry) -> bool:
        record = records_pb2.SystemRecord.FromString(entry.data)
        if not record.HasField("state_change"):
            return False
        change = record.state_change
        uuid = self._about(entry, change.directive.gpu)
        if not uuid or not change.to_state:
            return False
        self._fleet.change(uuid, entry.entry_id, entry.timestamp_ns, (change.from_state, change.to_state))
        if self._inside:
            self._decisions.change(entry.entry_id, record)
        return True

    def _config(self, entry: Entry) -> bool:
        update = config_pb2.ConfigUpdate.FromString(entry.data)
        if self._inside:
            self._decisions.config(entry.entry_id, update)
        return True

    def _vote(self, entry: Entry) -> bool:
        result = trust_pb2.TmrResult.FromString(entry.data)
        if not result.results:
            return False
        outcome, dissenter = outcome_of(result)
        for one in result.results:
            self._about(entry, one.gpu, again=True)
        if dissenter:
            self._signal(2, dissenter, entry)
        if self._inside:
            self._monitoring.vote(entry.entry_id, outcome)
        return True

    def _record(self, entry: Entry) -> bool:
        record = records_pb2.SystemRecord.FromString(entry.data)
        detail = record.WhichOneof("detail")
        if not record.event and detail is None:
            return False
        if detail == "retention_cut":
            cut = record.retention_cut
            self._cuts.append(Cut(entry.entry_id, entry.timestamp_ns, cut.first_kept_entry_id, cut.entries_removed))
            del self._cuts[:-MAX_CUTS]
        if self._inside:
            self._system.record(entry.entry_id, record)
        if detail == "probe_summary":
            self._summary(entry, record.probe_summary)
        return True

    def _summary(self, entry: Entry, summary: records_pb2.ProbeSummary) -> None:
        if self._inside:
            self._monitoring.summary(entry.entry_id, summary)
        if entry.gpu is None or not entry.gpu.uuid or not summary.counts:
            return
        start_ns, end_ns = (stamp.seconds * NS_PER_S + stamp.nanos for stamp in (summary.start_time, summary.end_time))
        if 0 < start_ns <= end_ns <= entry.timestamp_ns:
            self._fleet.probed(entry.gpu.uuid, start_ns, end_ns)
        else:
            self._fleet.probed(entry.gpu.uuid, entry.timestamp_ns, entry.timestamp_ns)

    def _signal(self, kind: int, uuid: str, entry: Entry) -> None:
        if uuid:
            self._fleet.signal(uuid, entry.entry_id, entry.timestamp_ns)
        if self._inside:
            self._activity.signal(kind, entry.timestamp_ns)

    def _about(self, entry: Entry, gpu: common_pb2.GpuIdentifier, *, again: bool = False) -> str:
        """The GPU an entry is about: the one beside its data or, where there is none, the one in them."""
        if entry.gpu is not None and entry.gpu.uuid and not again:
            return entry.gpu.uuid
        if gpu.uuid and (entry.gpu is None or entry.gpu.uuid != gpu.uuid):
            self._fleet.seen(_entry_gpu(gpu), entry.entry_id, entry.timestamp_ns)
        return gpu.uuid


def _entry_gpu(gpu: common_pb2.GpuIdentifier) -> EntryGpu:
    return EntryGpu(gpu.uuid, gpu.hostname, gpu.device_index, gpu.model, gpu.driver_version, gpu.firmware_version)
