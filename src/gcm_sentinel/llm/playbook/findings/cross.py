"""Findings that need two sources to agree or to contradict each other: stale, forged, alive though silent."""

from __future__ import annotations

import re

from gcm_sentinel.domain.summaries import AlertSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.host import node_exporter_answers
from gcm_sentinel.llm.playbook.findings.kernel_records import coded, nothing_logged
from gcm_sentinel.llm.playbook.findings.kernel_view import FOLLOWERS, codes, hits, near
from gcm_sentinel.llm.playbook.findings.kubernetes import not_ready
from gcm_sentinel.llm.playbook.findings.logs import patterns, unhealthy_devices
from gcm_sentinel.llm.playbook.findings.metrics import exporter_down, gauge_is_old, gauge_shows, gpus_live
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations
from gcm_sentinel.llm.playbook.timeline import kernel_covers

_NAMED_XID = re.compile(r"xid\D{0,8}(\d{1,3})", re.IGNORECASE)
_XID = re.compile(r"Xid \(PCI:([0-9a-fA-F:.]+)\): (\d+)")


def _both(*findings: Finding) -> bool | None:
    """And over three values."""
    values = [finding.holds for finding in findings]
    if False in values:
        return False
    return None if None in values else True


@predicate("kernel_log", "gpu_metrics")
def well_now(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The GPU (every GPU of the node) reports live metrics and the kernel log shows nothing wrong near the trigger."""
    live, quiet = gpus_live.check(obs, gpu, ()), nothing_logged.check(obs, gpu, ())
    both = _both(live, quiet)
    if both is None:
        return UNKNOWN
    if not both:
        return no()
    return yes(f"{live.detail}, and {quiet.detail}", *live.cites, *quiet.cites)


@predicate("kernel_log", "gpu_metrics")
def gauge_without_record(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The last-Xid gauge shows a code, but the present boot's log near the trigger has no such record."""
    shown = gauge_shows.check(obs, gpu, ())
    if shown.holds is None or obs.kernel is None or not kernel_covers(obs):
        return UNKNOWN
    if not shown.holds or near(obs, gpu):
        return no()
    old = gauge_is_old.check(obs, gpu, ())
    strength = 1.0 if old.holds else 0.7
    detail = f"{shown.detail}, but the kernel log has no Xid near the trigger"
    return yes(detail, *shown.cites, strength=strength)


@predicate("node_info", "gpu_metrics", "alerts", "plugin_logs")
def told_xid(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Without a kernel log: another source names one of these Xids (a fresh gauge, a condition, an alert, a log)."""
    if kernel_covers(obs):
        return UNKNOWN
    wanted, every = codes(args), frozenset(range(1, 200)) - FOLLOWERS
    words = (gauge_shows.check(obs, gpu, args), _plugin_names(obs, gpu, wanted), _condition_names(obs, wanted))
    for word in (*words, _alert_names(obs, wanted)):
        if word.holds:
            return word
    trigger = f"{obs.trigger.kind} {obs.trigger.reason} {obs.trigger.message}"
    if {int(number) for number in re.findall(_NAMED_XID, trigger)} & wanted:
        return Finding(holds=True, strength=0.7)
    return no() if _condition_names(obs, every).holds or _alert_names(obs, every).holds else UNKNOWN


def _plugin_names(obs: Observations, gpu: GpuRef | None, wanted: frozenset[int]) -> Finding:
    for code, line, cite in unhealthy_devices(obs):
        if code in wanted and (gpu is None or gpu.uuid is None or gpu.uuid in line or "GPU-" not in line):
            return yes(f"the device plugin marked a device unhealthy for Xid {code}", cite)
    return UNKNOWN


def _condition_names(obs: Observations, wanted: frozenset[int]) -> Finding:
    for place, item in enumerate(obs.info.data["conditions"] if obs.info else []):
        named = wanted & set(item["parsed"]["xids"])
        if named and item["state"] == "problem" and obs.info:
            detail = f"condition {item['type']} names Xid {min(named)}"
            return yes(detail, obs.info.figure(f"conditions[{place}].message"), strength=0.8)
    return UNKNOWN


def _alert_names(obs: Observations, wanted: frozenset[int]) -> Finding:
    for place, item in enumerate(obs.alerts.data["alerts"] if obs.alerts else []):
        named = {int(number) for number in re.findall(_NAMED_XID, _words_of(item))} & wanted
        if named and obs.alerts:
            return yes(
                f"alert {item['name']} names Xid {min(named)}", obs.alerts.figure(f"alerts[{place}].name"), strength=0.8
            )
    return UNKNOWN


def _words_of(alert: AlertSummary) -> str:
    labels = " ".join(f"{key}={value}" for key, value in alert["labels"].items())
    return f"{alert['name']} {alert['description']} {labels}"


@predicate("node_info", "gpu_metrics", "node_exporter")
def silent_but_alive(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The kubelet is silent while metrics of the node go on: the machine works."""
    silent = not_ready.check(obs, gpu, ())
    if silent.holds is not True:
        return Finding(silent.holds)
    signs = [gpus_live.check(obs, None, ()), node_exporter_answers.check(obs, None, ())]
    alive = next((sign for sign in signs if sign.holds), None)
    if alive is not None:
        return yes(f"{silent.detail}, yet {alive.detail}", *silent.cites, *alive.cites)
    return no() if any(sign.holds is False for sign in signs) else UNKNOWN


@predicate("node_info", "gpu_metrics", "node_exporter")
def dark(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Neither kubelet nor exporters of the node answer."""
    silent, answers = not_ready.check(obs, gpu, ()), node_exporter_answers.check(obs, None, ())
    live, down = gpus_live.check(obs, None, ()), exporter_down.check(obs, None, ())
    if silent.holds is False or live.holds or answers.holds:
        return no()
    if silent.holds is None or (answers.holds is None and down.holds is None and live.holds is None):
        return UNKNOWN
    return yes(f"{silent.detail}, and no exporter of the node answers", *silent.cites, *down.cites)


@predicate("workload_logs", "kernel_log")
def xid_only_in_log(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A container printed an Xid line that no kernel record confirms."""
    found = list(patterns(obs, "xid_text"))
    if obs.kernel is None or not kernel_covers(obs):
        return UNKNOWN
    relayed = coded.check(obs, None, ("xid_text_not_from_kernel",))
    if relayed.holds and not near(obs, gpu):
        return yes("a program, not the kernel, wrote an Xid line into the node's log", *relayed.cites)
    if not found:
        return no() if obs.logs else UNKNOWN
    for pattern, pod, cite in found:
        match = _XID.search(pattern["example"])
        if match and not _recorded(obs, match[1], int(match[2])):
            stranger = (
                "" if any(ref.at(match[1]) for ref in obs.gpus) or not obs.gpus else f"; no GPU here is at {match[1]}"
            )
            return yes(f"{pod} printed Xid {match[2]} for {match[1]}, which the kernel never logged{stranger}", cite)
    return no()


def _recorded(obs: Observations, pci: str, code: int) -> bool:
    ghost = GpuRef(obs.node, pci=None)
    found = hits(obs, None, frozenset({code}))
    return any(GpuRef(ghost.node, pci=pci.lower()[-10:]).at(hit.data["pci"]) or hit.data["pci"] == pci for hit in found)


@predicate("kernel_log", "gpu_metrics")
def trigger_address_unknown(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The trigger names a PCI address at which the node has no GPU."""
    match = _XID.search(obs.trigger.message) or re.search(
        r"\b([0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2})\b", obs.trigger.message
    )
    addressed = [ref for ref in obs.gpus if ref.pci]
    if not match or len(addressed) < 2 or obs.metrics is None:
        return UNKNOWN
    if any(ref.at(match[1]) for ref in addressed):
        return no()
    return yes(f"the node has no GPU at {match[1]}, the address the report names", obs.metrics.figure("gpus"))


@predicate("node_info")
def trigger_recovered(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The condition that triggered is good by now."""
    if obs.info is None:
        return UNKNOWN
    for place, item in enumerate(obs.info.data["conditions"]):
        if item["type"] == obs.trigger.kind:
            if item["state"] != "ok":
                return no()
            return yes(f"{item['type']} is good by now", obs.info.figure(f"conditions[{place}].status"))
    return UNKNOWN


@predicate()
def said(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The trigger's own words hold one of these (no claim is made of it: the words may be wrong)."""
    text = " ".join(f"{item.kind} {item.reason} {item.message}" for item in obs.incident.triggers).lower()
    return Finding(any(word.lower() in text for word in args))


@predicate()
def names_gpu(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The trigger's words name this GPU by index, address or UUID."""
    if gpu is None:
        return UNKNOWN
    text = f"{obs.trigger.message} {obs.trigger.gpu_uuid or ''}".lower()
    marks = [mark for mark in (gpu.uuid, gpu.pci) if mark]
    if any(mark.lower() in text for mark in marks):
        return Finding(holds=True)
    numbers = {int(number) for number in re.findall(r"\bgpu[\s_#-]*(\d{1,2})\b(?!\s*(?:of|/))", text)}
    if not numbers:
        return UNKNOWN
    return Finding(gpu.index in numbers)
