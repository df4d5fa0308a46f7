"""Findings over exact probes: where a GPU's wrong results stand, how often, how hot, and whether any came at all.

A wrong result of an exact probe is evidence; an error or a timeout is none. That probes pass proves little: n passes
exclude only failure rates above 3/n (the 95 % bound of no event in n trials), and that is said where it matters.
"""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.summaries import AuditQuerySummary, ProbeTally, SentinelGpuHealthSummary, SentinelGpuSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, decided, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.metrics_view import chosen, figure
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, Seen, moment

_HEALTH = "sdc_health"
_PROBES = "ledger_probes"
_REPEATED = 3
"""Wrong results on one SM that are no single upset any more (operator-runbook: wait for repetition)."""
_SELDOM = 0.02
"""Share of an SM's probes of all types, over all its life, below which it fails now and then."""
_WARM_C = 6.0
"""Degrees between the coldest failing probe and the coolest moment of the GPU that make heat a condition."""
_FRESH_S = 7200.0


@dataclass(frozen=True, slots=True)
class Probed:
    """One GPU as SENTINEL tells it, and where that stands."""

    data: SentinelGpuSummary
    place: int
    seen: Seen[SentinelGpuHealthSummary]

    def figure(self, name: str) -> Citation:
        """A figure of it."""
        return self.seen.figure(f"gpus[{self.place}].{name}")


def probed(obs: Observations, gpu: GpuRef | None) -> Probed | None:
    """What SENTINEL tells of a GPU; of the worst one where none is meant."""
    if obs.sdc is None:
        return None
    for place, item in enumerate(obs.sdc.data["gpus"]):
        if gpu is None or (gpu.uuid is not None and item["uuid"] == gpu.uuid):
            return Probed(item, place, obs.sdc)
    return None


def label(gpu: GpuRef | None, item: SentinelGpuSummary) -> str:
    """How a sentence names the GPU."""
    if gpu is not None:
        return gpu.label
    return f"GPU {item['index']}" if item["index"] is not None else "one GPU"


def tallies(obs: Observations, result: str) -> list[tuple[ProbeTally, int, Seen[AuditQuerySummary]]]:
    """How probes ended so, by the ledger: each tally with its place."""
    return [
        (item, place, seen)
        for seen in obs.ledger
        for place, item in enumerate(seen.data["probes"])
        if item["result"] == result
    ]


def _of_gpu(
    obs: Observations, gpu: GpuRef | None, result: str
) -> list[tuple[ProbeTally, int, Seen[AuditQuerySummary]]]:
    """Those about one GPU alone; of all GPUs where none is meant."""
    found = tallies(obs, result)
    return [entry for entry in found if gpu is None or entry[0]["uuids"] == [gpu.uuid]]


@predicate(_HEALTH)
def one_sm_fails(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Repeated wrong results of this GPU stand on one SM."""
    found = probed(obs, gpu)
    if found is None:
        return UNKNOWN
    item = found.data
    if item["localisation"] != "one_sm" or not item["failing_sms"]:
        return no() if item["localisation"] != "not_told" else UNKNOWN
    worst = item["failing_sms"][0]
    if worst["failed"] < _REPEATED:
        return no()
    total, who = item["probes_failed"], label(gpu, item)
    detail = f"{worst['failed']} of {total} wrong results of {who} stand on SM {worst['sm']}"
    return yes(detail, found.figure("worst_sm"), found.figure("probes_failed"), _line(obs, worst["sm"]))


def _line(obs: Observations, sm: int) -> Citation:
    """The line of the health table that names an SM; of the first GPU that has one."""
    lines = obs.sdc.evidence.result.raw.splitlines() if obs.sdc else []
    line = next((line.strip() for line in lines if line.strip().startswith(f"SM {sm}:") and "failed" in line), "")
    return Citation(obs.sdc.id if obs.sdc else "", line)


@predicate(_HEALTH)
def gpu_wide_failures(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Wrong results stand on many SMs of this GPU."""
    found = probed(obs, gpu)
    if found is None or found.data["localisation"] == "not_told":
        return UNKNOWN
    item = found.data
    holds = item["localisation"] == "several_sms" and item["probes_failed"] >= _REPEATED
    detail = f"{item['probes_failed']} wrong results of {label(gpu, item)} stand on {item['sms_failing']} SMs"
    return decided(holds=holds, detail=detail, cites=(found.figure("probes_failed"), found.figure("sms_failing")))


@predicate(_HEALTH)
def single_wrong_result(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """One exact probe of this GPU was wrong once or twice, and no more."""
    found = probed(obs, gpu)
    if found is None:
        return UNKNOWN
    item = found.data
    if not 0 < item["probes_failed"] < _REPEATED:
        return no()
    cites = [found.figure("probes_failed"), found.figure("probes_passed")]
    cites += [_line(obs, item["failing_sms"][0]["sm"])] if item["failing_sms"] else []
    times = "once" if item["probes_failed"] == 1 else "twice"
    return yes(f"an exact probe of {label(gpu, item)} was wrong {times}, and {item['probes_passed']} passed", *cites)


@predicate(_HEALTH)
def wrong_results(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Exact probes of this GPU came to wrong results, however many."""
    found = probed(obs, gpu)
    if found is None:
        return UNKNOWN
    count = found.data["probes_failed"]
    detail = f"exact probes of {label(gpu, found.data)} came to {count} wrong results"
    return decided(holds=count > 0, detail=detail, cites=(found.figure("probes_failed"),))


@predicate(_HEALTH)
def probes_pass(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Exact probes of this GPU (of every GPU) ran lately and none was wrong; says what rate that leaves possible."""
    if obs.sdc is None:
        return UNKNOWN
    items = [pair for pair in enumerate(obs.sdc.data["gpus"]) if gpu is None or pair[1]["uuid"] == gpu.uuid]
    if not items:
        return UNKNOWN
    if any(item["probes_failed"] for _, item in items):
        return no()
    least_at, least = min(items, key=lambda pair: pair[1]["probes_passed"])
    if not least["probes_passed"] or (least["last_probe_age_s"] or 0.0) > _FRESH_S:
        return UNKNOWN
    bound = 3 / least["probes_passed"]
    who = gpu.label if gpu else f"each of {len(items)} GPUs"
    detail = (
        f"{least['probes_passed']} exact probes of {who} passed and 0 failed, which leaves room for a failure rate"
        f" below {bound:.2g} (3/n)"
    )
    cites = [obs.sdc.figure(f"gpus[{least_at}].probes_passed"), obs.sdc.figure(f"gpus[{least_at}].probes_failed")]
    return yes(detail, *cites)


@predicate(_HEALTH)
def fails_seldom(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The SM that fails passes most of its probes: an intermittent fault."""
    found = probed(obs, gpu)
    if found is None or not found.data["failing_sms"]:
        return UNKNOWN
    worst = found.data["failing_sms"][0]
    total = worst["failed"] + worst["passed"]
    holds = worst["failed"] >= _REPEATED and worst["failed"] < _SELDOM * total
    detail = f"SM {worst['sm']} fails now and then: {worst['failed']} of {total} probes"
    return decided(holds=holds, detail=detail, cites=(found.figure("failing_sms[0].failed"), _line(obs, worst["sm"])))


@predicate(_PROBES, "gpu_metrics")
def fails_warm(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Every wrong result came while the GPU was warmer than it is at other times."""
    told = [entry for entry in _of_gpu(obs, gpu, "FAIL") if entry[0]["coldest_c"] is not None]
    warmth = chosen(obs, "temp", gpu) if gpu is not None else {}
    if not told or not warmth or obs.metrics is None:
        return UNKNOWN
    item, place, seen = min(told, key=lambda entry: entry[0]["coldest_c"] or 0.0)
    reading = next(iter(warmth.values()))
    coldest, floor = item["coldest_c"] or 0.0, reading.stats["minimum"]
    if coldest < floor + _WARM_C or item["count"] < _REPEATED:
        return no()
    detail = f"no probe was wrong below {coldest:g} C, and the GPU was at {floor:g} C at times"
    return yes(detail, seen.figure(f"probes[{place}].coldest_c"), figure(obs, reading, "minimum"))


@predicate(_PROBES)
def one_probe_type(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """All wrong results that were recorded are of one probe type."""
    told = _of_gpu(obs, gpu, "FAIL")
    types = {item["probe_type"] for item, _, _ in told}
    if not told:
        return UNKNOWN
    item, place, seen = max(told, key=lambda entry: entry[0]["count"])
    if len(types) > 1 or item["count"] < _REPEATED:
        return no()
    detail = f"all {item['count']} wrong results in the ledger that were read are of {item['probe_type']} probes"
    return yes(detail, seen.figure(f"probes[{place}].probe_type"), seen.figure(f"probes[{place}].count"))


@predicate(_PROBES)
def several_probe_types(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Wrong results of two probe types or more were recorded."""
    told = {entry[0]["probe_type"]: entry for entry in _of_gpu(obs, gpu, "FAIL")}
    if not told:
        return UNKNOWN
    cites = [seen.figure(f"probes[{place}].probe_type") for _, place, seen in told.values()]
    return decided(holds=len(told) > 1, detail=f"probes of {', '.join(sorted(told))} are wrong", cites=tuple(cites[:3]))


@predicate(_PROBES)
def same_bit(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The wrong results of this GPU differ from the right ones in one and the same bit."""
    told = [entry for entry in _of_gpu(obs, gpu, "FAIL") if entry[0]["differing_bits"]]
    bits = {bit for item, _, _ in told for bit in item["differing_bits"]}
    if not told:
        return UNKNOWN
    item, place, seen = told[0]
    holds = len(bits) == 1 and sum(entry[0]["count"] for entry in told) >= _REPEATED
    detail = f"the wrong results differ in bit {min(bits)} each time"
    return decided(holds=holds, detail=detail, cites=(seen.figure(f"probes[{place}].differing_bits"),))


@predicate(_PROBES)
def probes_time_out(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Probes of the node did not end in time: no result, and so no wrong one."""
    mine = {ref.uuid for ref in obs.gpus if ref.uuid}
    told = [entry for entry in tallies(obs, "TIMEOUT") if mine & set(entry[0]["uuids"])]
    if not told:
        return no() if tallies(obs, "PASS") or tallies(obs, "FAIL") else UNKNOWN
    item, place, seen = max(told, key=lambda entry: entry[0]["count"])
    detail = f"{item['count']} probes of {item['probe_type']} on {item['gpus']} GPUs did not end in time (TIMEOUT)"
    cites = (seen.figure(f"probes[{place}].result"), seen.figure(f"probes[{place}].count"))
    return decided(holds=item["count"] >= _REPEATED, detail=detail, cites=cites)


@predicate("gpu_metrics")
def gpus_full(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPUs are busy all the time, so that nothing else finds a gap."""
    found = chosen(obs, "util", gpu)
    if not found:
        return UNKNOWN
    index, reading = min(found.items(), key=lambda pair: pair[1].stats["last"])
    detail = f"GPU {index}, the least busy one, is at {reading.stats['last']:g} % utilisation"
    return decided(holds=reading.stats["last"] >= 98, detail=detail, cites=(figure(obs, reading),))


@predicate(_HEALTH)
def out_of_service(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """SENTINEL has this GPU in quarantine, in a deep test or condemned."""
    found = probed(obs, gpu)
    if found is None:
        return UNKNOWN
    item = found.data
    holds = item["state"] in ("QUARANTINED", "DEEP_TEST", "CONDEMNED")
    detail = f"SENTINEL has {label(gpu, item)} in state {item['state']} since {item['since']}"
    return decided(holds=holds, detail=detail, cites=(found.figure("state"),))


@predicate("sdc_fleet", _HEALTH)
def unknown_to_sentinel(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """SENTINEL knows no GPU of this node, or has heard nothing of them for long: nobody reports."""
    if obs.sdc_fleet is not None and obs.sdc_fleet.data["node_cohort"] is None:
        detail = "SENTINEL knows no GPU whose host is exactly this node: no probe agent reports"
        return yes(detail, obs.sdc_fleet.figure("node_cohort"))
    if obs.sdc is None:
        return UNKNOWN
    mine = [(place, item) for place, item in enumerate(obs.sdc.data["gpus"]) if item["last_probe_age_s"] is not None]
    if not mine:
        return UNKNOWN
    place, item = min(mine, key=lambda pair: pair[1]["last_probe_age_s"] or 0.0)
    age = item["last_probe_age_s"] or 0.0
    detail = f"the newest probe of the node is {age:.0f} s old: no probe agent reports"
    return decided(holds=age > 900, detail=detail, cites=(obs.sdc.figure(f"gpus[{place}].last_probe_at"),))


@predicate("sdc_history")
def suspected_before(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """SENTINEL suspected or quarantined this GPU more than once, in separate stretches of time."""
    for seen in obs.sdc_past:
        if gpu is not None and seen.data["uuid"] != gpu.uuid:
            continue
        marks = [item for item in seen.data["transitions"] if item["after"] in ("SUSPECT", "QUARANTINED")]
        days = {str(at)[:10] for at in (moment(item["at"]) for item in marks) if at}
        detail = f"SENTINEL entered SUSPECT or QUARANTINED {len(marks)} times for it, on {len(days)} days"
        return decided(holds=len(days) > 1, detail=detail, cites=(seen.figure("times_in"),))
    return UNKNOWN
