"""How much of the fleet's time was spent in which state (SOC 2 A1.2)."""

from __future__ import annotations

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.ledger.reports.document import Cell, Figure, Table, Timeline
from sentinel_gateway.ledger.reports.evidence import Evidence, merged
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.fleet import Fleet, GpuFacts, state_name
from sentinel_gateway.ledger.reports.sections.figures import ids
from sentinel_gateway.ledger.reports.state_line import UNKNOWN
from sentinel_gateway.ledger.reports.window import NS_PER_HOUR, to_seconds

MAX_DRAWN = 40
_H, _S, _Q, _D, _C = (int(state) for state in HealthState)
RULE = (
    "GPU-time by state, from the state changes (QUARANTINE_ACTION entries whose StateChange has two different"
    " states) in"
    " the order of their ids: a state holds from its change to the next one of the same GPU, the last one until the"
    " newest entry of the ledger. Before a GPU's first entry, and after the newest entry, time is unknown and counts"
    " nowhere. A GPU with entries and no change is HEALTHY, unless entries were removed by retention: then it is"
    " unknown."
)
_QUERY = (
    "FROM entries WHERE type = QUARANTINE_ACTION AND StateChange.from_state <> StateChange.to_state AND timestamp < end"
    " ORDER BY gpu.uuid, entry_id SELECT {}"
)
_NOTHING = "no GPU has an entry from which its state in the window follows"


def figures(facts: Facts) -> tuple[Figure, ...]:
    """Shares and hours of the fleet."""
    fleet = facts.fleet
    evidence = merged(*(gpu.changes for gpu in fleet.gpus))
    return (
        _share("healthy_share", "Share of known GPU-time in HEALTHY", fleet, (_H,), evidence),
        _share("in_service_share", "Share of known GPU-time in HEALTHY or SUSPECT", fleet, (_H, _S), evidence),
        _uncondemned(fleet, evidence),
        *(_hours(fleet, int(state), evidence) for state in HealthState),
        _hours(fleet, UNKNOWN, evidence),
        _coverage(fleet),
        _disorder(fleet, evidence),
    )


def tables(facts: Facts) -> tuple[Table, ...]:
    """One line for each GPU, and those of which nothing is known."""
    fleet = facts.fleet
    states = (*(state.name for state in HealthState), "UNKNOWN")
    columns = ("GPU", "host", *states, "healthy share", "changes", "at the end", "since")
    rows = tuple(_row(gpu) for gpu in sorted(fleet.gpus, key=_worst_first))
    note = "Those that were healthy for the smallest share of their known time come first."
    listed = Table("gpu_hours", "Hours by state, for each GPU", columns, rows, note)
    return (listed, _unknown(fleet))


def timeline(facts: Facts) -> tuple[Timeline, ...]:
    """The GPUs that were away from HEALTHY for the longest; none where every GPU was HEALTHY throughout."""
    away = [gpu for gpu in facts.fleet.gpus if _away_ns(gpu)]
    away.sort(key=lambda gpu: (-_away_ns(gpu), gpu.gpu.uuid))
    if not away:
        return ()
    shown = tuple(away[:MAX_DRAWN])
    return (Timeline("GPUs that were not HEALTHY throughout", facts.window, shown, len(away) - len(shown)),)


def _share(key: str, title: str, fleet: Fleet, states: tuple[int, ...], evidence: Evidence) -> Figure:
    names = " + ".join(state_name(state) for state in states)
    query = _QUERY.format(f"sum(ns in {names}) / sum(ns in any known state)")
    if not fleet.known_ns:
        return Figure(key, title, None, "share", RULE, query, evidence, missing=_NOTHING)
    n = sum(1 for gpu in fleet.gpus if _known_ns(gpu))
    return Figure(key, title, fleet.ns_in(*states) / fleet.known_ns, "share", RULE, query, evidence, n=n)


def _uncondemned(fleet: Fleet, evidence: Evidence) -> Figure:
    key, title = "healthy_share_without_condemned", "Share of known GPU-time in HEALTHY, condemned time left out"
    query = _QUERY.format("sum(ns in HEALTHY) / sum(ns in any known state but CONDEMNED)")
    rule = f"{RULE} A condemned GPU stays in the ledger for ever; this share leaves its time since then out."
    rest_ns = fleet.known_ns - fleet.ns_in(_C)
    if not rest_ns:
        return Figure(key, title, None, "share", rule, query, evidence, missing=_NOTHING)
    return Figure(key, title, fleet.ns_in(_H) / rest_ns, "share", rule, query, evidence)


def _hours(fleet: Fleet, state: int, evidence: Evidence) -> Figure:
    name = state_name(state)
    key, title = f"gpu_hours_{name.lower()}", f"GPU-hours in {name}"
    query = _QUERY.format(f"sum(ns in {name}) / 3.6e12")
    hours = round(fleet.ns_in(state) / NS_PER_HOUR, 6)
    gpus = sum(1 for gpu in fleet.gpus if gpu.times.ns_in[state])
    return Figure(key, title, hours, "GPU-hours", RULE, query, evidence, n=gpus)


def _coverage(fleet: Fleet) -> Figure:
    key, title = "state_coverage", "Share of GPU-time whose state is known"
    definition = "Known GPU-time divided by the number of GPUs times the length of the window: what the shares rest on."
    query = _QUERY.format("sum(ns in any known state) / (count(distinct gpu.uuid) * (end - start))")
    everything_ns = len(fleet.gpus) * fleet.window.length_ns
    if not everything_ns:
        return Figure(
            key, title, None, "share", definition, query, missing="no GPU has an entry before the window's end"
        )
    evidence = merged(*(gpu.entries for gpu in fleet.gpus))
    return Figure(key, title, fleet.known_ns / everything_ns, "share", definition, query, evidence, n=len(fleet.gpus))


def _disorder(fleet: Fleet, evidence: Evidence) -> Figure:
    late = sum(gpu.times.out_of_order for gpu in fleet.gpus)
    gaps = sum(gpu.times.discontinuities for gpu in fleet.gpus)
    definition = (
        "State changes whose time lies before the one before them on the same GPU: they count as having happened"
        " with it."
        " Discontinuities are changes that start from another state than the one before ended in."
    )
    query = _QUERY.format("count(timestamp < previous timestamp)")
    parts = (("discontinuities", gaps),)
    return Figure(
        "changes_out_of_order", "State changes out of order", late, "changes", definition, query, evidence, parts=parts
    )


def _row(gpu: GpuFacts) -> tuple[Cell, ...]:
    known_ns = _known_ns(gpu)
    hours = [round(gpu.times.ns_in[state] / NS_PER_HOUR, 2) for state in (*(int(state) for state in HealthState), 0)]
    share = round(gpu.times.ns_in[_H] / known_ns, 6) if known_ns else None
    final = gpu.times.final_state
    since = to_seconds(gpu.times.since_ns) if final else ""
    return (gpu.gpu.uuid, gpu.gpu.hostname, *hours, share, gpu.times.changes_in_window, state_name(final), since)


def _unknown(fleet: Fleet) -> Table:
    rows = tuple(
        (gpu.gpu.uuid, gpu.gpu.hostname, _why(gpu), ids(gpu.entries)) for gpu in fleet.gpus if not _known_ns(gpu)
    )
    note = f"{fleet.seen_later} more GPUs have their first entry after the window." if fleet.seen_later else ""
    columns = ("GPU", "host", "why", "sample entries")
    return Table("gpus_unknown", "GPUs whose state in the window is unknown", columns, rows, note)


def _why(gpu: GpuFacts) -> str:
    if not gpu.entries.entries:
        return "expected, but no entry of the ledger is about it"
    if gpu.known_days == 0:
        return "the ledger's newest entry lies before the window, or at its start"
    return "no state change is kept, and older entries were removed"


def _known_ns(gpu: GpuFacts) -> int:
    return sum(gpu.times.ns_in[1:])


def _away_ns(gpu: GpuFacts) -> int:
    return sum(gpu.times.ns_in[2:])


def _worst_first(gpu: GpuFacts) -> tuple[float, str]:
    known_ns = _known_ns(gpu)
    return (gpu.times.ns_in[_H] / known_ns if known_ns else 2.0, gpu.gpu.uuid)
