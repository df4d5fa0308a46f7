"""Findings over the node object, its events and the operator's DaemonSets: age, polarity, ownership, announcements."""

from __future__ import annotations

import re

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.summaries import ConditionSummary, DaemonSetSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, moment
from gcm_sentinel.llm.playbook.timeline import RECENT, age_hours, anchor

_NODE = "node_info"
_GPU = "nvidia.com/gpu"
_FIRMWARE = re.compile(r"(?i)\b(bios|uefi|firmware|vbios)|bios-?version|firmware-?version|FirmwareUpdated|BiosUpdate")


def condition(obs: Observations, kind: str) -> tuple[str, ConditionSummary] | None:
    """A node condition by type, with its path in the node's summary."""
    for place, item in enumerate(obs.info.data["conditions"] if obs.info else []):
        if item["type"] == kind:
            return f"conditions[{place}]", item
    return None


def _own(obs: Observations) -> tuple[str, ConditionSummary] | None:
    return condition(obs, obs.trigger.kind)


@predicate(_NODE)
def condition_bad(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A condition of one of these types (the trigger's own without arguments) is bad or unknown now."""
    if obs.info is None:
        return UNKNOWN
    for kind in args or (obs.trigger.kind,):
        found = condition(obs, kind)
        if found and found[1]["state"] in ("problem", "unknown"):
            path, item = found
            return yes(f"{kind} is {item['status']}: {item['message'][:160]}", obs.info.figure(f"{path}.status"))
    return no()


@predicate(_NODE)
def before_boot(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The trigger's condition last changed before the node's present boot."""
    found = _own(obs)
    if obs.info is None or found is None:
        return UNKNOWN
    path, item = found
    if item.get("before_boot") is None:
        return UNKNOWN
    if not item.get("before_boot"):
        return no()
    detail = f"{item['type']} last changed at {item['last_transition_at']}, before the node's present boot"
    return yes(detail, obs.info.figure(f"{path}.before_boot"), obs.info.figure(f"{path}.last_transition_at"))


@predicate(_NODE)
def message_contradicts(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The condition is bad while its message reports a check that passed."""
    found = _own(obs)
    if obs.info is None or found is None:
        return UNKNOWN
    if not found[1]["parsed"]["contradicts"]:
        return no()
    return yes(
        "the condition's message speaks of a check that passed", obs.info.figure(f"{found[0]}.parsed.contradicts")
    )


@predicate(_NODE)
def check_did_not_run(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The condition's own message says that the check could not run."""
    found = _own(obs)
    if obs.info is None:
        return UNKNOWN
    if found is None or not found[1]["parsed"]["check_failed_to_run"]:
        return no()
    text = found[1]["parsed"]["text"] or found[1]["message"]
    return yes(f"the check behind {found[1]['type']} could not run", obs.info.words(text[:200]))


@predicate(_NODE)
def not_ready(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The kubelet does not report the node ready."""
    if obs.info is None:
        return UNKNOWN
    if obs.info.data["ready"] == "True":
        return no("the kubelet reports the node ready", obs.info.figure("ready"), absence=False)
    return yes(f"Ready is {obs.info.data['ready']}", obs.info.figure("ready"))


@predicate(_NODE)
def allocatable_short(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Some, but not all, GPUs of the node are no longer allocatable."""
    for place, item in enumerate(obs.info.data["gpus"] if obs.info else []):
        if item["resource"] == _GPU:
            if not 0 < item["allocatable"] < item["capacity"]:
                return no()
            detail = f"{item['allocatable']} of {item['capacity']} GPUs are allocatable"
            return yes(detail, *([obs.info.figure(f"gpus[{place}].allocatable")] if obs.info else []))
    return UNKNOWN


@predicate(_NODE)
def allocatable_zero(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The node offers no GPU at all."""
    if obs.info is None:
        return UNKNOWN
    for place, item in enumerate(obs.info.data["gpus"]):
        if item["resource"] == _GPU and item["allocatable"] > 0:
            return no()
        if item["resource"] == _GPU:
            return yes("no GPU of the node is allocatable", obs.info.figure(f"gpus[{place}].allocatable"))
    if obs.info.data["labels"].get("nvidia.com/gpu.count", "0") in ("", "0"):
        return no()
    return yes("the node offers no nvidia.com/gpu resource", obs.info.figure("gpus"))


@predicate(_NODE)
def count_short(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The trigger or a condition says fewer GPUs than expected."""
    text = " ".join((obs.trigger.kind, obs.trigger.reason, obs.trigger.message))
    few = re.search(r"\b(\d+)\s*(?:/|of)\s*(\d+)\b", text)
    if few and 0 < int(few[1]) < int(few[2]):
        return yes(f"{few[1]} of {few[2]} GPUs were reported", *_trigger_cite(obs))
    return UNKNOWN


def _trigger_cite(obs: Observations) -> tuple[Citation, ...]:
    found = _own(obs)
    return (obs.info.figure(f"{found[0]}.message"),) if obs.info and found else ()


@predicate(_NODE)
def mig_enabled(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The node offers MIG slices."""
    if obs.info is None:
        return UNKNOWN
    for place, item in enumerate(obs.info.data["gpus"]):
        if "/mig-" in item["resource"] and item["capacity"] > 0:
            detail = f"the node offers {item['capacity']} of {item['resource']}"
            return yes(detail, obs.info.figure(f"gpus[{place}].resource"))
    label = obs.info.data["labels"].get("nvidia.com/mig.config", "")
    if label and "disabled" not in label:
        return yes(f"the node is labelled for the MIG profile {label}", obs.info.words(label), strength=0.6)
    return no()


def _maintenance(obs: Observations, *states: str, trusted: bool | None = None) -> Finding:
    if obs.info is None:
        return UNKNOWN
    for place, item in enumerate(obs.info.data["maintenance"]):
        if item["state"] in states and (trusted is None or item["trusted"] is trusted):
            until = f" until {item['ends_at']}" if item["ends_at"] else ""
            who = item["set_by"] or "an unknown writer"
            detail = f"maintenance {item['key']}={item['value'][:80]} is {item['state']}{until}, set by {who}"
            return yes(
                detail, obs.info.figure(f"maintenance[{place}].state"), obs.info.figure(f"maintenance[{place}].key")
            )
    return no("the node announces no maintenance", obs.info.whole())


@predicate(_NODE)
def maintenance_now(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """An announced window, set by a trusted manager, is open now."""
    return _maintenance(obs, "active", trusted=True)


@predicate(_NODE)
def maintenance_forged(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A maintenance mark was written by somebody who should not write it."""
    return _maintenance(obs, "active", "upcoming", "undated", trusted=False)


@predicate(_NODE)
def maintenance_past(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """An announced window is over."""
    return _maintenance(obs, "over")


@predicate(_NODE)
def maintenance_ahead(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Maintenance is announced for later."""
    return _maintenance(obs, "upcoming", trusted=True)


@predicate("events")
def event(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A recent Kubernetes event has one of these reasons."""
    if obs.events is None:
        return UNKNOWN
    for place, item in enumerate(obs.events.data["events"]):
        at = moment(item["last_at"])
        if item["reason"] in args and (at is None or anchor(obs) - at < RECENT):
            detail = f"event {item['reason']} on {item['about']}: {item['message'][:140]}"
            return yes(detail, obs.events.figure(f"events[{place}].reason"))
    return no(f"no {' or '.join(args)} event", obs.events.whole())


@predicate(_NODE, "events")
def firmware_changed(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Firmware of the node was changed in the last three days, by an event or by a label that was rewritten."""
    for place, item in enumerate(obs.events.data["events"] if obs.events else []):
        if (
            _FIRMWARE.search(f"{item['reason']} {item['message']}")
            and _days_old(obs, item["last_at"]) < 3
            and obs.events
        ):
            return yes(f"event {item['reason']}: {item['message'][:140]}", obs.events.figure(f"events[{place}].reason"))
    for place, change in enumerate(obs.info.data["changes"] if obs.info else []):
        named = [field for field in change["fields"] if _FIRMWARE.search(field)]
        if named and _days_old(obs, change["at"]) < 3 and obs.info:
            cites = (obs.info.figure(f"changes[{place}].manager"), obs.info.words(named[0]))
            return yes(f"{change['manager']} changed {named[0]} at {change['at']}", *cites)
    return no() if obs.events and obs.info else UNKNOWN


def _days_old(obs: Observations, text: str | None) -> float:
    hours = age_hours(obs, text)
    return hours / 24 if hours is not None else 1e9


def _daemonset(obs: Observations, words: tuple[str, ...]) -> tuple[str, DaemonSetSummary] | None:
    for place, item in enumerate(obs.daemonsets.data["daemonsets"] if obs.daemonsets else []):
        if any(word in item["name"] for word in words):
            return f"daemonsets[{place}]", item
    return None


def pod_trouble(item: DaemonSetSummary) -> str:
    """Why the DaemonSet's pod on the node does not run; empty when it does or cannot be told."""
    pod = item["pod_on_node"]
    if pod is None:
        return ""
    for container in pod["containers"]:
        if container["state"] == "waiting" or not container["ready"]:
            return container["reason"] or container["last_reason"] or container["state"]
    return pod["reason"] if pod["phase"] not in ("Running", "Succeeded") else ""


@predicate("daemonsets")
def daemonset_broken(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The pod of such a DaemonSet (name holds one of the words) on this node does not run."""
    found = _daemonset(obs, args)
    if obs.daemonsets is None or found is None:
        return UNKNOWN
    path, item = found
    trouble = pod_trouble(item)
    missing = item["pod_on_node"] is None and item["ready"] < item["desired"]
    if not trouble and not missing:
        return no(f"{item['name']} runs on the node", obs.daemonsets.figure(f"{path}.name"), absence=False)
    detail = f"the pod of {item['name']} on the node does not run ({trouble or 'no pod'})"
    return yes(detail, obs.daemonsets.figure(f"{path}.name"), obs.daemonsets.figure(f"{path}.ready"))


@predicate("daemonsets")
def daemonset_broken_widely(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Such a DaemonSet fails on several nodes alike: its image or configuration, not the nodes."""
    if obs.daemonsets is None:
        return UNKNOWN
    for place, item in enumerate(obs.daemonsets.data["daemonsets"]):
        count = sum(item["waiting_reasons"].values())
        if count >= 3 and (not args or any(word in item["name"] for word in args)):
            reasons = ", ".join(f"{reason} on {number}" for reason, number in item["waiting_reasons"].items())
            return yes(
                f"{item['name']} fails widely: {reasons}", obs.daemonsets.figure(f"daemonsets[{place}].waiting_reasons")
            )
    return no()


@predicate("daemonsets")
def image_cannot_be_pulled(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A DaemonSet's image cannot be pulled."""
    if obs.daemonsets is None:
        return UNKNOWN
    for place, item in enumerate(obs.daemonsets.data["daemonsets"]):
        reasons = set(item["waiting_reasons"]) | {pod_trouble(item)}
        if reasons & {"ImagePullBackOff", "ErrImagePull", "InvalidImageName"}:
            detail = f"the image of {item['name']} cannot be pulled: {item['image']}"
            return yes(detail, obs.daemonsets.figure(f"daemonsets[{place}].image"))
    return no()


@predicate(_NODE)
def held_by_person(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Somebody else holds the node: a person cordoned it, or another system works on it."""
    if obs.info is None:
        return UNKNOWN
    if not obs.info.data["owner"]:
        return no()
    return yes(f"the node is held by {obs.info.data['owner']}", obs.info.figure("owner"))
