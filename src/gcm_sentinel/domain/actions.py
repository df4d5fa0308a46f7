"""The closed list of actions an assessment may recommend, and what each asks of the world.

The words are those an operator would say; several have no tool of ours and never will (`rma`, `page-network`): they
tell a person what to do. The original agent's five verbs (`cordon`, `drain`, `taint`, `reboot`, `none`) keep their
spelling because Events, annotations and webhooks carry them.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """Something a person or, in the acting modes, a tool may do."""

    NONE = "none"
    WATCH = "watch"
    TELL_OWNER = "tell-owner"
    RESTART_POD = "restart-pod"
    RESTART_DAEMONSET = "restart-ds"
    CORDON = "cordon"
    DRAIN = "drain"
    TAINT = "taint"
    RESET_GPU = "reset-gpu"
    REBOOT = "reboot"
    POWER_CYCLE = "power-cycle"
    PROBE_LIGHT = "probe-light"
    PROBE_DEEP = "probe-deep"
    QUARANTINE_GPU = "quarantine-gpu"
    RMA = "rma"
    PAUSE_ROLLOUT = "pause-rollout"
    ROLLBACK_ROLLOUT = "rollback-rollout"
    PAGE_NETWORK = "page-network"
    PAGE_STORAGE = "page-storage"
    PAGE_FACILITIES = "page-facilities"
    PAGE_SECURITY = "page-security"
    PAGE_PLATFORM = "page-platform"
    RESTORE_CHECKPOINT = "restore-checkpoint"
    CLEAR_CONDITION = "clear-condition"
    CAPTURE_EVIDENCE = "capture-evidence"
    ESCALATE = "escalate"


MEANING: dict[Action, str] = {
    Action.NONE: "nothing to do",
    Action.WATCH: "keep an eye on it; look again at the next event or window",
    Action.TELL_OWNER: "tell the owner of the workload; the fault or the decision is theirs",
    Action.RESTART_POD: "restart or recreate the affected pods",
    Action.RESTART_DAEMONSET: "restart a DaemonSet pod (device plugin, exporter) after mending its cause",
    Action.CORDON: "keep new pods off the node",
    Action.DRAIN: "move the pods off the node, honouring PodDisruptionBudgets and gangs",
    Action.TAINT: "taint the node with a key of ours",
    Action.RESET_GPU: "reset one GPU once nothing runs on it",
    Action.REBOOT: "reboot the node",
    Action.POWER_CYCLE: "power-cycle the node (a reboot does not reset the bus)",
    Action.PROBE_LIGHT: "run light probes beside the work",
    Action.PROBE_DEEP: "run deep probes or vendor diagnostics on an idle, drained GPU",
    Action.QUARANTINE_GPU: "take one GPU out of service, leaving its siblings",
    Action.RMA: "field diagnostics, then hardware service or replacement",
    Action.PAUSE_ROLLOUT: "stop the rollout that carries the fault",
    Action.ROLLBACK_ROLLOUT: "roll the change back",
    Action.PAGE_NETWORK: "page the network team",
    Action.PAGE_STORAGE: "page the storage team",
    Action.PAGE_FACILITIES: "page facilities or the hardware vendor (power, cooling, cabling)",
    Action.PAGE_SECURITY: "page security",
    Action.PAGE_PLATFORM: "page the platform team (node image, drivers, Kubernetes, time, certificates)",
    Action.RESTORE_CHECKPOINT: "restore or verify the last good checkpoint",
    Action.CLEAR_CONDITION: "clear the stale condition or alert",
    Action.CAPTURE_EVIDENCE: "capture logs and counters before anything destroys them",
    Action.ESCALATE: "hand over to a person to decide",
}

DESTROYS_EVIDENCE = frozenset({Action.RESET_GPU, Action.REBOOT, Action.POWER_CYCLE})
"""Actions that wipe volatile counters and the kernel ring buffer: `capture-evidence` must stand before them."""

PRIMARY_ORDER: tuple[Action, ...] = (
    Action.DRAIN, Action.CORDON, Action.TAINT, Action.QUARANTINE_GPU, Action.POWER_CYCLE, Action.REBOOT,
    Action.RESET_GPU,
)  # fmt: skip
"""Which action stands for the whole list in one-line outputs (Event message, annotation, webhook)."""


def primary(actions: tuple[Action, ...]) -> Action:
    """The one action that stands for `actions` in a one-line output; `none` for an empty list.

    The strongest one, unless watching comes first: what waits for a job's end is not an order to act now.
    """
    strong = [action for action in actions if action in PRIMARY_ORDER]
    if Action.WATCH in actions and strong and actions.index(Action.WATCH) < min(map(actions.index, strong)):
        return Action.WATCH
    for candidate in PRIMARY_ORDER:
        if candidate in actions:
            return candidate
    rest = [action for action in actions if action is not Action.CAPTURE_EVIDENCE]
    return rest[0] if rest else (actions[0] if actions else Action.NONE)
