"""Findings over the audit ledger: whether it verifies, what it records that now reads otherwise, what it was told.

A chain that does not verify is tampering until a crash explains it; a crash leaves entries that follow the chain and
bear no signature, which the gateway seals and records when it starts again. What a broken ledger hides is not read from
the present state, because whoever changed the one may have changed the other.
"""

from __future__ import annotations

import re

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.summaries import RecordedState, SentinelGpuSummary
from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, decided, no, predicate, yes
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations

_CHECK = "ledger_check"
_EVENTS = "ledger_events"
_OUT = frozenset({"QUARANTINED", "DEEP_TEST", "CONDEMNED"})
_TORN = re.compile(r"torn.?tail", re.IGNORECASE)
_CLOCK = re.compile(r"future|clock|too old|in the past", re.IGNORECASE)


@predicate(_CHECK)
def chain_broken(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The ledger does not verify, and not because of entries a crash left unsigned."""
    if obs.ledger_check is None:
        return UNKNOWN
    data = obs.ledger_check.data
    if data["valid"] or _TORN.search(data["failure"]):
        return no()
    where = f"entry {data['first_bad_entry']}" if data["first_bad_entry"] is not None else "an entry it does not name"
    detail = f"the chain of the audit ledger does not verify from {where} on"
    return yes(detail, obs.ledger_check.figure("valid"), obs.ledger_check.figure("failure"))


@predicate(_CHECK)
def chain_holds(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The gateway's own check of its chain found nothing wrong."""
    if obs.ledger_check is None:
        return UNKNOWN
    data = obs.ledger_check.data
    detail = f"all {data['entries_verified']} entries of the audit ledger verify"
    return decided(holds=data["valid"], detail=detail, cites=(obs.ledger_check.figure("valid"),))


@predicate(_CHECK, _EVENTS)
def torn_tail(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """Entries at the end of the ledger were left unsigned by a crash; sealed by now, or not yet."""
    if obs.ledger_check is not None and _TORN.search(obs.ledger_check.data["failure"]):
        return yes(
            "the last entries of the ledger follow the chain and are not signed", obs.ledger_check.figure("failure")
        )
    return _event(obs, "ledger.tail_sealed", "the gateway sealed entries that a crash had left unsigned")


@predicate(_EVENTS)
def reports_refused(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """The gateway refused reports because of their times: the clock of who reports runs off."""
    for seen in obs.ledger:
        for place, item in enumerate(seen.data["events"]):
            if item["event"] == "ingest.refused" and _CLOCK.search(item["words"]):
                detail = "the gateway refused reports because of their times"
                return yes(detail, seen.figure(f"events[{place}].words"), *_refusal(obs))
    return _known_events(obs)


def _refusal(obs: Observations) -> tuple[Citation, ...]:
    """A line of the ledger that tells of the refusal."""
    for seen in obs.ledger:
        for line in seen.evidence.result.raw.splitlines():
            if "refused" in line and _CLOCK.search(line):
                return (seen.words(line),)
    return ()


@predicate(_EVENTS)
def agents_rolled_out(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A rollout of one of these components was recorded lately."""
    for seen in obs.ledger:
        for place, item in enumerate(seen.data["events"]):
            if item["event"].startswith("rollout.") and any(name in item["words"] for name in args):
                return yes(f"a rollout was recorded: {item['words']}", seen.figure(f"events[{place}].words"))
    return _known_events(obs)


def _event(obs: Observations, name: str, detail: str) -> Finding:
    for seen in obs.ledger:
        for place, item in enumerate(seen.data["events"]):
            if item["event"] == name:
                line = next((text for text in seen.evidence.result.raw.splitlines() if name in text), "")
                return yes(detail, seen.figure(f"events[{place}].event"), seen.words(line))
    return _known_events(obs)


def _known_events(obs: Observations) -> Finding:
    """Not there, where system events were asked for; unknown where nobody asked."""
    asked = (item for item in obs.all if item.tool == "query_audit_ledger" and item.result.status.observed)
    return no() if any(item.arguments.get("entry_type") == "SYSTEM_EVENT" for item in asked) else UNKNOWN


def hidden(obs: Observations) -> SentinelGpuSummary | None:
    """The GPU whose quarantine a broken ledger hides: it reads HEALTHY and stands at the broken place, or still fails.

    Told from the entry that does not verify, from the last recorded state, and else from the only GPU that came to
    repeated wrong results and counts as HEALTHY all the same.
    """
    if obs.sdc_fleet is None or not chain_broken.check(obs, None, ()).holds:
        return None
    known = {item["uuid"]: item for item in (*obs.sdc_fleet.data["failing"], *obs.sdc_fleet.data["node_gpus"])}
    told = {proof.data["entry"]["gpu"] for proof in obs.ledger_proofs if not proof.data["proven"]}
    told |= {state["uuid"] for state in _recorded(obs) if state["state"] in _OUT}
    named = [item for uuid, item in known.items() if uuid in told and item["state"] not in _OUT]
    if named:
        return named[0]
    failing = [
        item for item in obs.sdc_fleet.data["failing"] if item["state"] == "HEALTHY" and item["probes_failed"] > 1
    ]
    return failing[0] if len(failing) == 1 else None


def _recorded(obs: Observations) -> list[RecordedState]:
    return [state for seen in obs.ledger for state in seen.data["states"]]


@predicate("ledger_entry", "ledger_actions", "sdc_fleet")
def quarantine_hidden(obs: Observations, gpu: GpuRef | None, args: tuple[str, ...]) -> Finding:
    """A GPU reads HEALTHY though the broken entry, the last recorded state or its wrong results say otherwise."""
    if obs.ledger_check is None or obs.sdc_fleet is None:
        return UNKNOWN
    found = hidden(obs)
    if found is None:
        return no()
    places = [place for place, item in enumerate(obs.sdc_fleet.data["failing"]) if item["uuid"] == found["uuid"]]
    cites: list[Citation] = [obs.sdc_fleet.figure(f"failing[{place}].state") for place in places]
    cites += [obs.sdc_fleet.figure(f"failing[{place}].probes_failed") for place in places]
    detail = (
        f"GPU {found['uuid']} on {found['node']} reads {found['state']} after {found['probes_failed']} wrong results"
    )
    return yes(detail, *cites, *_entries_about(obs, found["uuid"]))


def _entries_about(obs: Observations, uuid: str) -> tuple[Citation, ...]:
    """A line of the ledger about a GPU: of its state first, of its probes else."""
    lines = [(seen, line) for seen in obs.ledger for line in seen.evidence.result.raw.splitlines() if uuid in line]
    lines.sort(key=lambda pair: "QUARANTINE_ACTION" not in pair[1])
    return tuple(seen.words(line) for seen, line in lines[:1])
