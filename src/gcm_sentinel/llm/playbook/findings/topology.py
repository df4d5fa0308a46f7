"""Findings over the fleet: is it this node alone, or everything that shares a switch, rack, feed, driver or rollout?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, no, predicate, yes
from gcm_sentinel.llm.playbook.findings.kernel_view import near
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations, moment
from gcm_sentinel.llm.playbook.timeline import kernel_covers

_FLEET = "topology"
_TOGETHER = timedelta(minutes=2)
"""Checks of different nodes look once a minute or so, each at its own moment."""


_VERSIONS = frozenset({"driver_version", "firmware_version", "rollout"})
"""Keys whose common fault would be the same symptom on every node; a shared switch or feed may show itself in many."""


def companions(obs: Observations) -> tuple[str, ...]:
    """Other nodes with the trigger's condition, the latest to have it first."""
    if obs.topology is None:
        return ()
    peers = [peer for group in obs.topology.data["groups"] for peer in group["with_problems"]]
    told = [peer for peer in peers if obs.trigger.kind in peer["conditions"] and peer["node"] != obs.node]
    ordered = sorted(told, key=lambda peer: peer["since"] or "", reverse=True)
    return tuple(dict.fromkeys(peer["node"] for peer in ordered))


@predicate("peer_log")
def peer_differs(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A neighbour has the same condition, but its log holds no hardware-class Xid while this node's does.

    A condition is named for the check that set it, not for its cause: application Xids, tests and faults share a name.
    """
    mine = [hit for hit in near(obs, None) if hit.hardware]
    if not mine or not obs.peers:
        return UNKNOWN
    read = [(seen, replace(obs, kernel=seen)) for seen in obs.peers]
    covered = [(seen, there) for seen, there in read if kernel_covers(there)]
    if not covered:
        return UNKNOWN
    if any(hit.hardware for _, there in covered for hit in near(there, None)):
        return no()
    names = ", ".join(seen.data["node"] for seen, _ in covered)
    detail = f"{names} has the same condition, but its kernel log has no hardware-class Xid near the trigger"
    return yes(detail, *(seen.whole() for seen, _ in covered), absence=True)


@predicate(_FLEET)
def group_affected(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Most nodes that share one of these topology keys show the trouble, and few others do."""
    if obs.topology is None:
        return UNKNOWN
    if _VERSIONS & set(args) and peer_differs.check(obs, None, ()).holds:
        return no()
    for place, group in enumerate(obs.topology.data["groups"]):
        if group["key"] not in args:
            continue
        sick = len(group["with_problems"])
        outside = obs.topology.data["nodes_with_problems"] - sick
        if sick >= 3 and sick * 2 >= min(group["size"], 32) and outside <= sick:
            detail = f"{sick} of {group['size']} nodes with {group['key']} {group['value']} show the trouble"
            return yes(
                detail, obs.topology.figure(f"groups[{place}].value"), obs.topology.figure(f"groups[{place}].size")
            )
    return no()


@predicate(_FLEET)
def link_ends_together(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Another node of the NVLink domain has the same condition since the same two minutes: two ends of one path."""
    if obs.topology is None:
        return UNKNOWN
    for place, group in enumerate(obs.topology.data["groups"]):
        if group["key"] != "nvlink_domain" or group["size"] < 2:
            continue
        ends = [peer for peer in group["with_problems"] if obs.trigger.kind in peer["conditions"]]
        since = [at for peer in ends if (at := moment(peer["since"])) is not None]
        if len(since) < 2 or max(since) - min(since) > _TOGETHER or not any(peer["node"] == obs.node for peer in ends):
            return no()
        names = ", ".join(sorted(peer["node"] for peer in ends)[:4])
        return yes(f"{obs.trigger.kind} began together on {names}", obs.topology.figure(f"groups[{place}].value"))
    return no()


@predicate(_FLEET)
def many_nodes(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The same condition is bad on several nodes (three, or the number given)."""
    if obs.topology is None:
        return UNKNOWN
    floor = int(args[0]) if args else 3
    for place, item in enumerate(obs.topology.data["by_condition"]):
        if item["count"] >= floor and (item["type"] == obs.trigger.kind or not _own(obs)):
            return yes(
                f"{item['type']} is bad on {item['count']} nodes", obs.topology.figure(f"by_condition[{place}].count")
            )
    return no()


@predicate(_FLEET)
def at_once(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The condition appeared on several nodes within a minute."""
    if obs.topology is None:
        return UNKNOWN
    for place, item in enumerate(obs.topology.data["by_condition"]):
        first, last = moment(item["first_at"]), moment(item["last_at"])
        if item["count"] >= 3 and first and last and last - first <= timedelta(minutes=1):
            detail = f"{item['type']} appeared on {item['count']} nodes within {(last - first).total_seconds():.0f} s"
            return yes(detail, obs.topology.figure(f"by_condition[{place}].first_at"))
    return no()


@predicate(_FLEET)
def only_this_node(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """No other node shows the trigger's condition."""
    if obs.topology is None:
        return UNKNOWN
    own = next((item for item in obs.topology.data["by_condition"] if item["type"] == obs.trigger.kind), None)
    if own is None and obs.trigger.source != "kubernetes":
        return UNKNOWN
    others = (own["count"] - 1) if own else obs.topology.data["nodes_with_problems"] - 1
    if others > 0:
        return no()
    return yes(f"no other node shows {obs.trigger.kind}", obs.topology.figure("nodes_with_problems"))


def _own(obs: Observations) -> bool:
    return obs.topology is not None and any(
        item["type"] == obs.trigger.kind for item in obs.topology.data["by_condition"]
    )


@predicate("alerts")
def alert_widespread(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The same alert fires on several other nodes."""
    if obs.alerts is None:
        return UNKNOWN
    for name, count in obs.alerts.data["elsewhere"].items():
        if count >= 3 and (name == obs.trigger.kind or obs.trigger.kind in name):
            return yes(f"alert {name} also fires on {count} other nodes", obs.alerts.words(f'"{name}": {count}'))
    return no()


@predicate("alerts")
def alert_fires(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """An alert of the node has one of these words in its name or description."""
    if obs.alerts is None:
        return UNKNOWN
    for place, item in enumerate(obs.alerts.data["alerts"]):
        text = f"{item['name']} {item['description']}".lower()
        if any(word.lower() in text for word in args):
            return yes(
                f"alert {item['name']} fires since {item['starts_at']}", obs.alerts.figure(f"alerts[{place}].name")
            )
    return no()
