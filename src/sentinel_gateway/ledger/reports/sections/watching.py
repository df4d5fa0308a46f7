"""What was monitored and what was seen (SOC 2 CC7.2, ISO 27001 A.8.16)."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.counted import evidence_of
from sentinel_gateway.ledger.reports.document import Cell, Detections, Figure, Table
from sentinel_gateway.ledger.reports.evidence import merged
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.fleet import GpuFacts
from sentinel_gateway.ledger.reports.sections.figures import counts_table, ids, select, total, unmeasurable
from sentinel_gateway.ledger.reports.window import to_seconds
from sentinel_gateway.ledger.reports.wire_names import PROBE_RESULTS, PROBE_TYPES

_TITLES = {
    "PASS": "Probes that passed",
    "FAIL": "Probes that failed",
    "ERROR": "Probes that could not be completed",
    "TIMEOUT": "Probes that timed out",
}
_PASSES = (
    "Passes as counted by the hourly summaries whose entry lies in the window or, for each probe type, by entries"
    " of their"
    " own where those are more (a pass may stand in both, so they are not added)."
)


def figures(facts: Facts) -> tuple[Figure, ...]:
    """Counts, and how much of the fleet they cover."""
    found = facts.monitoring
    anomalies = ("Anomaly events, each an entry.", select("ANOMALY_EVENT", "", "count(*)"))
    votes = (
        "TMR canaries by outcome, voted again from the three fingerprints in the entry.",
        select("TMR_RESULT", "", "count(*) GROUP BY vote(TmrResult.results)"),
    )
    tmr = total("tmr_votes", "TMR votes", found.tmr, "votes", votes)
    return (
        *(_probes(facts, result) for result in _TITLES),
        _failure_share(facts),
        total("anomalies", "Anomalies", found.anomalies, "events", anomalies),
        Figure(
            tmr.key,
            tmr.title,
            tmr.value,
            tmr.unit,
            tmr.definition,
            tmr.query,
            tmr.evidence,
            parts=tuple((label, number) for label, number, _ in found.tmr),
        ),
        _probed_days(facts),
        _unprobed(facts),
        unmeasurable(
            "detection_rate",
            "Share of faults that were detected",
            "share",
            "a fault that gave no signal leaves no entry; only injected faults could measure this",
        ),
    )


def tables(facts: Facts) -> tuple[Table, ...]:
    """Probes by type and result, anomalies by type, source, severity, and GPUs without probes."""
    found = facts.monitoring
    return (
        _probe_table(facts),
        counts_table("anomalies_by_type", "Anomalies by type", "type", found.anomalies),
        counts_table("anomalies_by_source", "Anomalies by source", "source", found.anomaly_sources),
        counts_table("anomalies_by_severity", "Anomalies by severity", "severity", found.anomaly_severities),
        counts_table("tmr_by_outcome", "TMR votes by outcome", "outcome", found.tmr),
        _unprobed_table(facts),
    )


def detections(facts: Facts) -> tuple[Detections, ...]:
    """Failing signals over time; none where there was no signal."""
    bins = facts.activity.bins
    if not any(any(row) for row in bins.counts):
        return ()
    return (Detections("Failing signals over time", facts.window, bins),)


def unprobed(facts: Facts) -> tuple[GpuFacts, ...]:
    """GPUs that were in the ledger during the window and were not probed in it, as far as anybody knows."""
    told_later = facts.unsummarised.gpu_uuids
    known = (gpu for gpu in facts.fleet.gpus if gpu.known_days and not gpu.probe_days)
    return tuple(gpu for gpu in known if gpu.gpu.uuid not in told_later)


def _probes(facts: Facts, result: str) -> Figure:
    found = facts.monitoring
    key = f"probes_{result.lower()}"
    own = evidence_of(tuple(row for row in found.executions if row[0].endswith(f" {result}")))
    if result != "PASS":
        rule = f"Probe executions with the result {result}; each has an entry of its own."
        query = select("PROBE_RESULT", f"ProbeExecution.result = {result}", "count(*)")
        return Figure(key, _TITLES[result], found.with_result(result), "probes", rule, query, merged(*own))
    summed = tuple(row for row in found.summarised if row[0].endswith(" PASS"))
    query = select(
        "SYSTEM_EVENT",
        "SystemRecord.detail = probe_summary",
        "by probe_type: greatest(sum(ProbeCount.count WHERE result = PASS), count of own PROBE_RESULT entries with"
        " PASS)",
    )
    evidence = merged(*own, *evidence_of(summed))
    return Figure(key, _TITLES[result], found.with_result(result), "probes", _PASSES, query, evidence)


def _failure_share(facts: Facts) -> Figure:
    found = facts.monitoring
    key, title = "probe_failure_share", "Share of completed probes that failed"
    definition = "FAIL divided by PASS + FAIL; errors and timeouts say nothing about correctness and are left out."
    query = "probes_fail / (probes_pass + probes_fail)"
    failed, passed = found.with_result("FAIL"), found.with_result("PASS")
    if not failed + passed:
        return Figure(
            key, title, None, "share", definition, query, missing="no completed probe is recorded in the window"
        )
    fails = tuple(row for row in found.executions if row[0].endswith(" FAIL"))
    evidence = merged(*evidence_of(fails))
    return Figure(key, title, failed / (failed + passed), "share", definition, query, evidence, n=failed + passed)


def _probed_days(facts: Facts) -> Figure:
    gpus = facts.fleet.gpus
    key, title = "probed_gpu_days", "Share of GPU-days with a probe result"
    definition = (
        "Days of the window (24 h from its start) in which a GPU has at least one probe result or a summary that covers"
        " the day, over the days between its first entry and the ledger's newest."
    )
    query = "count(distinct (gpu.uuid, day) with a probe) / count(distinct (gpu.uuid, day) known)"
    days = sum(gpu.known_days for gpu in gpus)
    if not days:
        return Figure(
            key, title, None, "share", definition, query, missing="no GPU was in the ledger during the window"
        )
    probed = sum(min(gpu.probe_days, gpu.known_days) for gpu in gpus)
    evidence = merged(*(row[2] for row in (*facts.monitoring.summarised, *facts.monitoring.executions)))
    return Figure(key, title, probed / days, "share", definition, query, evidence, n=days)


def _unprobed(facts: Facts) -> Figure:
    definition = (
        "GPUs with entries before the window's end, but no probe result or summary inside the window. GPUs with results"
        " that are not summarised yet are left out; their number is given beside it."
    )
    query = "count(distinct gpu.uuid WHERE no PROBE_RESULT and no probe_summary entry in the window)"
    found = unprobed(facts)
    evidence = merged(*(gpu.entries for gpu in found))
    waiting = len(facts.unsummarised.gpu_uuids)
    return Figure(
        "gpus_without_probes",
        "GPUs without any probe",
        len(found),
        "GPUs",
        definition,
        query,
        evidence,
        parts=(("with results that are not summarised yet", waiting),) if waiting else (),
    )


def _probe_table(facts: Facts) -> Table:
    found = facts.monitoring
    labels = {row[0].rpartition(" ")[0] for row in (*found.executions, *found.summarised)}
    order = [name for name in PROBE_TYPES.known() if name in labels] + sorted(labels - set(PROBE_TYPES.known()))
    columns = ("probe", *PROBE_RESULTS.known(), "passes in summaries", "passes in own entries")
    rows: list[tuple[Cell, ...]] = []
    for name in order:
        own, summed = found.probe_parts(name, "PASS")
        rows.append((name, *(found.probes(name, result) for result in PROBE_RESULTS.known()), summed, own))
    return Table("probes_by_type", "Probes by type and result", columns, tuple(rows))


def _unprobed_table(facts: Facts) -> Table:
    rows = tuple((gpu.gpu.uuid, gpu.gpu.hostname, to_seconds(gpu.last_ns), ids(gpu.entries)) for gpu in unprobed(facts))
    columns = ("GPU", "host", "newest entry of any kind", "sample entries")
    return Table("gpus_without_probes", "GPUs without any probe in the window", columns, rows)
