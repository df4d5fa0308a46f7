"""How soon a trigger deserves an investigation, judged before anyone has looked.

It orders the queue, may pass a cool-down and opens the reserve of the budget; the severity people read comes from the
investigation. Three steps, the first that knows decides: what the message says (Xid codes, a check that could not run),
what the condition type says, what its family usually means. Each row names where it comes from.

Critical is what makes a GPU or node unfit for work now or puts data at risk: the immediate action of NVIDIA's Xid
catalogue is a reset, a restart of the machine or work on its mechanics. Info is what the catalogue says to ignore or to
answer by restarting the application, and what GCM's own check calls non-critical. The rest is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from gcm_sentinel.domain.condition_message import parse_message
from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.incident_record import Urgency
from gcm_sentinel.domain.trigger import NODE, FaultScope, Incident, Trigger, TriggerStatus
from gcm_sentinel.triage.families import family_of

__all__ = ["Urgency", "together", "urgency_of", "urgency_of_incident"]

_CATALOGUE = "NVIDIA Xid catalogue"


@dataclass(frozen=True, slots=True)
class _Xids:
    """Xid codes of one urgency."""

    urgency: Urgency
    codes: frozenset[int]
    source: str


_XIDS: tuple[_Xids, ...] = (
    _Xids(Urgency.CRITICAL, frozenset({79, 167}), f"{_CATALOGUE}: RESTART_BM; off the bus, PCIe fatal timeout (gpud)"),
    _Xids(
        Urgency.CRITICAL,
        frozenset({48, 64, 95, 140, 171, 172}),
        f"{_CATALOGUE}: WORKFLOW_XID_48, RESET_GPU; uncorrectable and uncontained memory errors, failed row remap",
    ),
    _Xids(
        Urgency.CRITICAL,
        frozenset({46, 62, 110, 119, 120, 143, 156, 158}),
        f"{_CATALOGUE}: RESET_GPU; GPU timeout, PMU halt, security fault, GSP, failed initialisation",
    ),
    _Xids(Urgency.CRITICAL, frozenset({54}), f"{_CATALOGUE}: CHECK_MECHANICALS; auxiliary power"),
    _Xids(Urgency.CRITICAL, frozenset({154, 169, 173}), "recovery action asked for by the driver; gpud: reboot"),
    _Xids(
        Urgency.CRITICAL,
        frozenset({74, *range(144, 151), 136}),
        f"{_CATALOGUE}: WORKFLOW_NVLINK_ERR, WORKFLOW_NVLINK5_ERR, RESET_GPU; kills every job on the link",
    ),
    _Xids(
        Urgency.INFO,
        frozenset({13, 31, 43, 45, 63, 68, 92}),
        "GCM check-syslogs: non-critical; device plugin: skipped; catalogue: RESTART_APP, IGNORE or a follower",
    ),
    _Xids(
        Urgency.INFO,
        frozenset({8, 11, 14, 25, 37, 66, 67, 69, 80, 93, 106, 107, 108, 121, 137, 141, 152, 153, *range(162, 166)}),
        f"{_CATALOGUE}: IGNORE, RESTART_APP or a test message",
    ),
)
"""A code that is not here is a warning: most unlisted ones say CONTACT_SUPPORT. So is 109 on purpose: the catalogue
resets the GPU for it, GCM and the device plugin count it to the application."""

_XID_URGENCY = {code: row.urgency for row in _XIDS for code in row.codes}


@dataclass(frozen=True, slots=True)
class _Words:
    """Words in a message of one family that decide."""

    family: Family
    pattern: re.Pattern[str]
    urgency: Urgency
    source: str


_WORDS: tuple[_Words, ...] = (
    _Words(
        Family.GPU_MEMORY,
        re.compile(r"uncorrect|double.?bit|\bDBE\b|remap.{0,20}fail|threshold exceeded", re.IGNORECASE),
        Urgency.CRITICAL,
        "NVIDIA memory error management: reset needed, or grounds for replacement",
    ),
)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Condition types of one urgency."""

    urgency: Urgency
    patterns: tuple[str, ...]
    source: str


_KINDS: tuple[_Kinds, ...] = (
    _Kinds(Urgency.CRITICAL, ("Ready",), "Kubernetes: the node takes no work, and what runs is evicted"),
    _Kinds(Urgency.CRITICAL, ("NVSwitchFatalError", "NVSwitchDown"), "NVSentinel: every NVLink job on the node dies"),
    _Kinds(
        Urgency.CRITICAL,
        ("KernelDeadlock", "CperHardwareErrorFatal", "ReadonlyFilesystem"),
        "node-problem-detector: the host cannot go on",
    ),
    _Kinds(
        Urgency.CRITICAL,
        ("AcceleratedHardwareReady", "KernelReady"),
        "EKS node monitoring agent: False only for fatal reasons, the node is replaced after ten minutes",
    ),
    _Kinds(
        Urgency.CRITICAL,
        ("MultipleRemediations", "RepeatedXIDErrorOnSameGPU"),
        "NVSentinel: what was done before did not help",
    ),
    _Kinds(Urgency.INFO, ("NVSwitchNonFatalError",), "NVSentinel: corrected or informational"),
)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a source says in so many words: a kind of it with a reason."""

    kind: str
    reason: str
    urgency: Urgency
    source: str


_TOLD: tuple[_Told, ...] = (
    _Told("SentinelGpuState", "Quarantined", Urgency.CRITICAL, "what it computed lately may be wrong: data at risk"),
    _Told("SentinelGpuState", "DeepTest", Urgency.INFO, "goes along with a quarantine that was told"),
    _Told("SentinelTmrConfirmed", "*", Urgency.CRITICAL, "outvoted repeatedly: strong evidence (operator-runbook)"),
    _Told("SentinelSharedCause:rollout*", "*", Urgency.CRITICAL, "more nodes get it by the minute"),
    _Told("SentinelSharedCause:facility*", "*", Urgency.CRITICAL, "power or cooling of many nodes"),
    _Told("SentinelSharedCause:host*", "*", Urgency.CRITICAL, "several GPUs of one host"),
    _Told("Sentinel*", "Critical", Urgency.CRITICAL, "the gateway's own rating of a pattern"),
    _Told("Sentinel*", "Info", Urgency.INFO, "the gateway's own rating of a pattern"),
    _Told("Sentinel*", "*", Urgency.WARNING, "one suspicion, a wrong probe, a decision that waits for a person"),
)
"""First match wins."""

_FAMILIES = {Family.GPU_BUS: Urgency.CRITICAL, Family.MAINTENANCE: Urgency.INFO}
"""A GPU that cannot be reached is critical, an announcement is not; any other family is a warning."""


def urgency_of(trigger: Trigger) -> Urgency:
    """Of one problem, from its type, status and message."""
    return _urgency(trigger.kind, trigger.status, trigger.reason, trigger.message)


def urgency_of_incident(incident: Incident) -> Urgency:
    """Of an incident as an investigation is given it."""
    return together((urgency_of(trigger) for trigger in incident.triggers), incident.scope)


def together(urgencies: Iterable[Urgency], scope: FaultScope | None) -> Urgency:
    """Of several triggers: the most urgent, and more than that where a group of nodes is failing.

    A group is critical, as several affected nodes always are; one of which every symptom is harmless by itself is a
    warning.
    """
    most = min(urgencies, default=Urgency.WARNING)
    if scope is None or scope.kind == NODE:
        return most
    return Urgency.CRITICAL if most < Urgency.INFO else Urgency.WARNING


@lru_cache(maxsize=8192)  # a storm says few different things very often
def _urgency(kind: str, status: TriggerStatus, reason: str, message: str) -> Urgency:
    family = family_of(kind)
    if family is Family.SDC:
        return _told(kind, reason)
    said = parse_message(message, bad=True)
    if said["check_failed_to_run"] and family is not Family.KUBELET:
        return Urgency.WARNING
    xids = said["xids"] or parse_message(reason, bad=True)["xids"]
    if xids:
        return min(_XID_URGENCY.get(code, Urgency.WARNING) for code in xids)
    if family is Family.GPU_MEMORY and said["contradicts"]:
        return Urgency.CRITICAL  # GCM's ECC check: the OK line is that of the corrected counter, the other one failed
    for words in _WORDS:
        if words.family is family and words.pattern.search(said["text"]):
            return words.urgency
    for row in _KINDS:
        if any(fnmatchcase(kind, pattern) for pattern in row.patterns):
            return row.urgency
    if status is TriggerStatus.UNKNOWN:
        return Urgency.WARNING
    return _FAMILIES.get(family, Urgency.WARNING)


def _told(kind: str, reason: str) -> Urgency:
    for row in _TOLD:
        if fnmatchcase(kind, row.kind) and fnmatchcase(reason, row.reason):
            return row.urgency
    return Urgency.WARNING
