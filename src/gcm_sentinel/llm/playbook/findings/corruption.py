"""Findings over who else: whether wrong results are one GPU's or shared, what anomalies say, who is outvoted.

One probe type that fails on many GPUs speaks against the probe, one version against the rollout, everything everywhere
against power or cooling; only what one GPU does alone speaks against that GPU. Anomalies are statistics of a model that
trains or answers: without wrong results of probes they mostly come from data or settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.summaries import AnomalyTally, AuditQuerySummary, SentinelTrustSummary, TrustEdgeSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, decided, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.probes import label, probed
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, Seen

_FLEET = "sdc_fleet"
_TRUST = "sdc_trust"
_ANOMALIES = "ledger_anomalies"
_TWO_CANARIES = 4
"""Disagreements of one GPU in two canaries: each counts it against two partners."""
_ROTATED = 3
"""Partners that show that they were rotated."""
_SAME_RANKS = re.compile(r"same on (?:all|every) (?:\d+ )?ranks?|replay of step .* on other hosts", re.IGNORECASE)
_DIFFER = re.compile(r"\b([1-9]\d*) of \d+ answers differ", re.IGNORECASE)
_NEW_MODEL = re.compile(
    r"serving weights \S+ \(was|new (?:weights|model|tokenizer)|sampling temperature", re.IGNORECASE
)


@predicate(_FLEET)
def spread(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Wrong results are spread so over the fleet: one_gpu, one_node, one_cohort, everybody, scattered."""
    if obs.sdc_fleet is None or obs.sdc_fleet.data["spread"] == "not_told":
        return UNKNOWN
    data = obs.sdc_fleet.data
    if data["spread"] not in args:
        return no()
    count, total = data["fleet"]["failing"], data["fleet"]["gpus"]
    detail = f"exact probes came to wrong results on {count} of {total} GPUs of the fleet"
    return yes(detail, obs.sdc_fleet.figure("spread"), obs.sdc_fleet.figure("fleet.failing"))


@predicate(_FLEET)
def set_apart_by(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Most GPUs with one model, driver_version or firmware_version come to wrong results, and few others do."""
    if obs.sdc_fleet is None or obs.sdc_fleet.data["spread"] == "not_told":
        return UNKNOWN
    marks = [mark for mark in obs.sdc_fleet.data["apart"] if mark.split("=")[0] in args]
    if not marks:
        return no()
    return yes(f"what sets the failing GPUs apart is {marks[0]}", obs.sdc_fleet.figure("apart"), *_cohort_lines(obs))


def _cohort_lines(obs: Observations) -> tuple[Citation, ...]:
    """The lines of the cohorts of models and firmware: who fails and who does not."""
    if obs.sdc_fleet is None:
        return ()
    lines = obs.sdc_fleet.evidence.result.raw.splitlines()
    return tuple(obs.sdc_fleet.words(line) for line in lines if line.startswith(("model ", "firmware ", "driver ")))[:4]


@predicate(_FLEET)
def fails_alone(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """No other GPU of the fleet comes to wrong results."""
    if obs.sdc_fleet is None or obs.sdc_fleet.data["cut"] or gpu is None:
        return UNKNOWN
    failing = [item["uuid"] for item in obs.sdc_fleet.data["failing"]]
    if gpu.uuid not in failing:
        return UNKNOWN
    total = obs.sdc_fleet.data["fleet"]["gpus"]
    detail = f"of {total} GPUs that SENTINEL knows only this one comes to wrong results"
    return decided(holds=failing == [gpu.uuid], detail=detail, cites=(obs.sdc_fleet.figure("failing_total"),))


@predicate("sdc_health")
def anomalies_without_failures(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Monitors reported anomalies about this GPU, and no exact probe of it was wrong."""
    found = probed(obs, gpu)
    if found is None:
        return UNKNOWN
    item = found.data
    holds = item["anomalies"] > 0 and item["probes_failed"] == 0 and item["probes_passed"] > 0
    detail = (
        f"{item['anomalies']} anomalies were reported about {label(gpu, item)}, and 0 of its exact probes were wrong"
    )
    return decided(holds=holds, detail=detail, cites=(found.figure("anomalies"), found.figure("probes_failed")))


@predicate(_FLEET)
def anomalies_widespread(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """GPUs of several nodes have anomalies and no wrong results: it is what they compute, not where."""
    if obs.sdc_fleet is None or obs.sdc_fleet.data["node_cohort"] is None:
        return UNKNOWN
    fleet, here = obs.sdc_fleet.data["fleet"]["anomalous"], obs.sdc_fleet.data["node_cohort"]["anomalous"]
    detail = f"{fleet} GPUs have anomalies and no wrong results, {fleet - here} of them on other nodes"
    cites = (obs.sdc_fleet.figure("fleet.anomalous"), obs.sdc_fleet.figure("node_cohort.anomalous"))
    return decided(holds=fleet - here >= 2, detail=detail, cites=cites)


def _tallied(obs: Observations) -> Iterator[tuple[AnomalyTally, int, Seen[AuditQuerySummary]]]:
    for seen in obs.ledger:
        for place, item in enumerate(seen.data["anomalies"]):
            yield item, place, seen


@predicate(_ANOMALIES)
def anomaly(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Anomalies of one of these types were recorded, about this GPU where one is meant."""
    if not obs.ledger:
        return UNKNOWN
    for item, place, seen in _tallied(obs):
        if item["anomaly_type"] in args and (gpu is None or gpu.uuid in item["uuids"]):
            detail = f"{item['count']} anomalies {item['anomaly_type']} were recorded about {item['gpus']} GPUs"
            return yes(detail, seen.figure(f"anomalies[{place}].anomaly_type"), seen.figure(f"anomalies[{place}].gpus"))
    return no()


@predicate(_ANOMALIES)
def anomaly_names_it(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Anomalies of one of these types were recorded about this GPU and no other."""
    if not obs.ledger or gpu is None:
        return UNKNOWN
    for item, place, seen in _tallied(obs):
        if item["anomaly_type"] in args:
            detail = f"all {item['count']} anomalies {item['anomaly_type']} in the entries that were read are about it"
            cites = (seen.figure(f"anomalies[{place}].uuids"), seen.figure(f"anomalies[{place}].count"))
            return decided(holds=item["uuids"] == [gpu.uuid], detail=detail, cites=cites)
    return no()


@predicate(_ANOMALIES)
def stays_with_gpu(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Different replicas or jobs showed the same anomaly on this GPU (on one GPU) alone: it did not go with the pod."""
    if not obs.ledger:
        return UNKNOWN
    for item, place, seen in _tallied(obs):
        alone = item["gpus"] == 1 if gpu is None else item["uuids"] == [gpu.uuid]
        if alone and len(item["models"]) > 1:
            names = ", ".join(item["models"][:3])
            detail = f"{item['anomaly_type']} stayed with the GPU when its work changed ({names})"
            return yes(detail, seen.figure(f"anomalies[{place}].models"), seen.figure(f"anomalies[{place}].uuids"))
    return no()


def _log_line(obs: Observations, pattern: re.Pattern[str]) -> Citation | None:
    """The first line that fits, in whatever log of the node's work was read."""
    if pattern not in obs.memo:
        obs.memo[pattern] = _first_line(obs, pattern)
    found: Citation | None = obs.memo[pattern]
    return found


def _first_line(obs: Observations, pattern: re.Pattern[str]) -> Citation | None:
    for seen in obs.logs:
        for line in seen.evidence.result.raw.splitlines():
            if pattern.search(line):
                return seen.words(line.strip())
    return None


@predicate("workload_logs")
def same_on_all_ranks(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The job itself says that a spike is the same on all ranks, or comes again elsewhere with the same batch."""
    if not obs.logs:
        return UNKNOWN
    found = _log_line(obs, _SAME_RANKS)
    return yes("the job itself says that the spike is the same on every rank", found) if found else no()


@predicate("workload_logs")
def answers_differ(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A replica's canary prompts come out differently now and then."""
    if not obs.logs:
        return UNKNOWN
    found = _log_line(obs, _DIFFER)
    return yes("canary prompts of a replica on this node come out differently at times", found) if found else no()


@predicate("workload_logs")
def model_changed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The workload began to serve another model or other settings."""
    if not obs.logs:
        return UNKNOWN
    found = _log_line(obs, _NEW_MODEL)
    return yes("the log of the work tells of another model or settings", found) if found else no()


@predicate(_TRUST)
def outvoted_again(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """This GPU came to another result than its partners in two canaries or more, with partners rotated."""
    if obs.sdc_trust is None or gpu is None:
        return UNKNOWN
    for place, item in enumerate(obs.sdc_trust.data["gpus"]):
        if item["uuid"] != gpu.uuid:
            continue
        rotated = item["partners_disagreeing"] >= _ROTATED and item["disagreed"] > item["agreed"]
        holds = item["disagreed"] >= _TWO_CANARIES and rotated and not _blames_other(obs.sdc_trust.data, gpu)
        detail = f"{item['disagreed']} comparisons with {item['partners_disagreeing']} partners came out differently"
        cites = [obs.sdc_trust.figure(f"gpus[{place}].{name}") for name in ("disagreed", "partners_disagreeing")]
        return decided(holds=holds, detail=detail, cites=(*cites, *_disagreement(obs, gpu)))
    return no()


@predicate(_TRUST)
def outvoted_once(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """This GPU came to another result in one canary, and agreed in others."""
    if obs.sdc_trust is None or gpu is None:
        return UNKNOWN
    for place, item in enumerate(obs.sdc_trust.data["gpus"]):
        if item["uuid"] == gpu.uuid:
            detail = f"{item['disagreed']} comparisons with other GPUs came out differently, {item['agreed']} alike"
            holds = 0 < item["disagreed"] < _TWO_CANARIES and item["partners_disagreeing"] < _ROTATED
            cites = (obs.sdc_trust.figure(f"gpus[{place}].disagreed"), obs.sdc_trust.figure(f"gpus[{place}].agreed"))
            return decided(holds=holds, detail=detail, cites=(*cites, *_disagreement(obs, gpu)))
    return no()


def _disagreement(obs: Observations, gpu: GpuRef) -> tuple[Citation, ...]:
    """A line of the graph that tells of a disagreement of this GPU."""
    lines = obs.sdc_trust.evidence.result.raw.splitlines() if obs.sdc_trust else []
    told = (line for line in lines if gpu.uuid and gpu.uuid in line and ", 0 disagreed" not in line)
    line = next(told, "")
    return (Citation(obs.sdc_trust.id, line),) if obs.sdc_trust and line else ()


@predicate(_TRUST)
def partner_dissents(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """All that this GPU disagrees with is one partner that disagrees with others too: the partner is the odd one."""
    if obs.sdc_trust is None or gpu is None:
        return UNKNOWN
    other = _blames_other(obs.sdc_trust.data, gpu)
    if other is None:
        return no()
    detail = "every disagreement of this GPU is with one partner that disagrees with other GPUs as well"
    return yes(detail, obs.sdc_trust.figure("low_pairs_total"), *_disagreement(obs, gpu))


def _blames_other(data: SentinelTrustSummary, gpu: GpuRef) -> str | None:
    """The one partner with which this GPU disagrees, where that one disagrees with others too."""
    mine = [edge for edge in data["low_pairs"] if gpu.uuid in (edge["gpu"], edge["other"])]
    partners = {_partner(edge, gpu) for edge in mine}
    if len(partners) != 1:
        return None
    partner = partners.pop()
    rest = [edge for edge in data["low_pairs"] if edge not in mine and partner in (edge["gpu"], edge["other"])]
    return partner if rest else None


def _partner(edge: TrustEdgeSummary, gpu: GpuRef) -> str:
    return edge["other"] if edge["gpu"] == gpu.uuid else edge["gpu"]


@predicate(_TRUST)
def dissents_by_driver(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """GPUs disagree across two driver versions and agree within each: the comparison is unfair, not a GPU wrong."""
    if obs.sdc_trust is None:
        return UNKNOWN
    edges = [edge for edge in _all_edges(obs.sdc_trust.data) if edge["driver"] and edge["other_driver"]]
    apart = [edge for edge in edges if edge["driver"] != edge["other_driver"]]
    across = [edge for edge in apart if edge["disagreed"] > edge["agreed"]]
    within = [edge for edge in edges if edge["driver"] == edge["other_driver"]]
    if not edges:
        return UNKNOWN
    if len(across) < 2 or len(across) < len(apart) or any(edge["disagreed"] for edge in within) or not within:
        return no()
    first = across[0]
    detail = (
        f"all {len(across)} disagreements are between drivers {first['driver']} and {first['other_driver']}, and GPUs"
        " with the same driver agree"
    )
    line = next(
        (
            text
            for text in obs.sdc_trust.evidence.result.raw.splitlines()
            if first["gpu"] in text and first["other"] in text
        ),
        "",
    )
    return yes(detail, obs.sdc_trust.figure("low_pairs_total"), Citation(obs.sdc_trust.id, line))


def _all_edges(data: SentinelTrustSummary) -> list[TrustEdgeSummary]:
    found = {frozenset((edge["gpu"], edge["other"])): edge for edge in (*data["edges"], *data["low_pairs"])}
    return list(found.values())
