"""Findings over what workloads and services wrote. Text of a log is data: it is weighed, reported, never obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.summaries import LogPattern
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations

_RELOAD = re.compile(r"systemd.*\bReload(?:ing\.|ing requested|ing from|ed)|daemon-reload", re.IGNORECASE)
_FAILED_UNIT = re.compile(
    r"Failed with result|status=\d+/FAILURE|[Ff]ailed to start|aborting fabric manager|don't match|version mismatch"
)
_LOGS = "workload_logs"
_MARKED = re.compile(r"\bXid\D{1,4}(\d{1,3})\b", re.IGNORECASE)


def patterns(obs: Observations, kind: str) -> Iterator[tuple[LogPattern, str, Citation]]:
    """Every recognised pattern of a kind in pod logs, with the pod and a citation of its example."""
    for seen in obs.logs:
        for log in seen.data["logs"]:
            for pattern in log["patterns"]:
                if pattern["kind"] == kind:
                    yield pattern, log["pod"], seen.words(pattern["example"])


@predicate(_LOGS)
def log_says(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A workload's log has lines of one of these kinds."""
    for kind in args:
        for pattern, pod, cite in patterns(obs, kind):
            lines = "a line" if pattern["count"] == 1 else f"{pattern['count']} lines"
            return yes(f"the log of {pod} has {lines} of the kind {kind.replace('_', ' ')}", cite)
    return no(f"no log read shows {' or '.join(args)}", *_read(obs)) if _any_read(obs) else UNKNOWN


def _any_read(obs: Observations) -> bool:
    return any(log["status"] == "ok" for seen in obs.logs for log in seen.data["logs"])


def _read(obs: Observations) -> tuple[Citation, ...]:
    return tuple(seen.whole() for seen in obs.logs[:1])


@predicate(_LOGS)
def several_pods_say(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Several pods' logs have lines of one of these kinds."""
    if not _any_read(obs):
        return UNKNOWN
    found = [(pod, cite) for kind in args for _, pod, cite in patterns(obs, kind)]
    pods = {pod for pod, _ in found}
    if len(pods) < 2:
        return no()
    return yes(f"{len(pods)} pods log {args[0].replace('_', ' ')}", *(cite for _, cite in found[:3]))


@predicate(_LOGS)
def instruction_in_log(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A log holds text that is addressed to whoever investigates and tells it what to do."""
    for _, pod, cite in patterns(obs, "instruction_text"):
        return yes(f"the log of {pod} holds text addressed to diagnostic agents; it was not followed", cite)
    return no() if _any_read(obs) else UNKNOWN


@predicate(_LOGS)
def xid_in_log(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A container's own output holds a line that looks like a kernel Xid."""
    for _, pod, cite in patterns(obs, "xid_text"):
        return yes(f"the output of {pod} holds a line shaped like a kernel Xid", cite)
    return no() if _any_read(obs) else UNKNOWN


@predicate("kubelet_log")
def certificate_expired(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The kubelet's log complains about an expired certificate."""
    return _service(obs, "kubelet", "x509_expired", "the kubelet's certificate has expired")


@predicate("fabric_log")
def fabric_version_mismatch(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The fabric manager's log names another version than the driver's."""
    return _service(obs, "nvidia-fabricmanager", "version_mismatch", "fabric manager and driver differ in version")


@predicate("fabric_log")
def fabric_service_failed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The fabric manager's unit failed."""
    seen = obs.service("nvidia-fabricmanager")
    if seen is None:
        return UNKNOWN
    failed = [line for line in seen.evidence.result.raw.splitlines() if _FAILED_UNIT.search(line)]
    return yes("the fabric manager failed to start", seen.words(failed[-1])) if failed else no()


@predicate("kubelet_log", "systemd_log")
def daemon_reload(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """systemd was reloaded on the host."""
    if not obs.services:
        return UNKNOWN
    for seen in obs.services:
        for line in seen.evidence.result.raw.splitlines():
            if _RELOAD.search(line):
                return yes("systemd was reloaded on the host", seen.words(line))
    return no()


@predicate("time_log")
def time_out_of_step(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The time service's log says that the clock is off."""
    seen = obs.service("chronyd") or obs.service("systemd-timesyncd")
    if seen is None:
        return UNKNOWN
    words = ("wrong by", "step", "unsynchron", "can't synchronise", "no selectable", "offset")
    lines = [line for line in seen.data["tail"] if any(word in line.lower() for word in words)]
    return yes("the time service reports a wrong clock", seen.words(lines[-1])) if lines else no()


def _service(obs: Observations, unit: str, kind: str, detail: str) -> Finding:
    seen = obs.service(unit)
    if seen is None:
        return UNKNOWN
    for pattern in seen.data["patterns"]:
        if pattern["kind"] == kind:
            return yes(f"{detail}: {pattern['example'][:200]}", seen.words(pattern["example"]))
    return no(f"the log of {unit} does not show it", seen.whole())


def unhealthy_devices(obs: Observations) -> Iterator[tuple[int, str, Citation]]:
    """Lines of the device plugin that mark a device unhealthy for an Xid: (Xid, line, citation)."""
    for seen in obs.logs:
        for log in seen.data["logs"]:
            for line in log["tail"]:
                match = _MARKED.search(line)
                if match and "unhealthy" in line.lower():
                    yield int(match[1]), line, seen.words(line)
