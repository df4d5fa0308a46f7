"""What is due for GPUs: summaries of probes, deep tests that were planned, GPUs that stay somewhere for too long.

A GPU that stays in QUARANTINED or DEEP_TEST for longer than it should keeps its state: somebody must decide. That is
told once. One that nobody decided about for a month is proposed to be condemned, and again every day while nobody
answers. Who denied it has decided: it is proposed again after `DENIED_FOR_NS`, or `FAILING_FOR_NS` when it failed.
"""

from __future__ import annotations

from dataclasses import replace

from sentinel_gateway.core import records
from sentinel_gateway.core.asking import Wish, ask
from sentinel_gateway.core.deep_test_outcomes import ASK_AGAIN_NS, ask_again, is_asked_about
from sentinel_gateway.core.overriding import measure_silent
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.gpus import GpuState, Summary
from sentinel_gateway.domain.happenings import Overstayed
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.settings import HealthSettings, RecordedPasses
from sentinel_gateway.domain.text import MAX_WORDS

MAX_AT_ONCE = 500
"""GPUs whose summaries are written in one round; the others have their turn in the next."""
DENIED_FOR_NS = 30 * 24 * 3600 * 10**9
"""A person's no holds so long where nothing new speaks against the GPU; as long as nobody is asked at first."""
FAILING_FOR_NS = 7 * 24 * 3600 * 10**9
"""How long it holds for a GPU that failed since: one that is still probed fails daily, and has been decided about."""


def sweep(round_: Round) -> None:
    """Do what is due for GPUs now."""
    round_.touched.is_time = True
    limits_ns = _limits_ns(round_.settings.health)
    summary_ns = int(round_.settings.history.summary_interval.total_seconds() * 1e9)
    summaries: list[GpuState] = []
    waiting: list[GpuState] = []
    for known in round_.gpus.values():
        if known.summary.start_ns and round_.now_ns - known.summary.start_ns >= summary_ns:
            summaries.append(known)
        if known.state is HealthState.SUSPECT:
            round_.touched.eased[known.gpu.uuid] = None
        elif not known.is_in_use:
            waiting.append(known)
    for known in summaries[:MAX_AT_ONCE]:
        round_.gpus.put(known.gpu.uuid, _summed_up(known, round_))
    measure_silent(round_)
    for known in waiting:
        _look_after(known.gpu.uuid, limits_ns, round_)


def _look_after(uuid: str, limits_ns: dict[HealthState, int], round_: Round) -> None:
    """A GPU out of use: its test begins, people are asked again what follows from it, or it stays for too long."""
    known = round_.gpus.get(uuid)
    if known is None:
        return
    if _overstays(known, limits_ns, round_.now_ns):
        known = _tell_of_overstay(known, round_)
    limit_ns = int(round_.settings.health.max_quarantine.total_seconds() * 1e9)
    if known.state is HealthState.QUARANTINED and known.deep_test is not None:
        reason = f"quarantined by evidence: {known.state_reason}"
        round_.gpus.put(uuid, replace(known, deep_test=None))
        ask(Wish(uuid, Action.SCHEDULE_DEEP_TEST, reason[:MAX_WORDS]), round_)
    elif known.state is HealthState.QUARANTINED and limit_ns and _is_forgotten(known, limit_ns, round_):
        round_.gpus.put(uuid, replace(known, proposed_ns=round_.now_ns))
        hours = (round_.now_ns - known.state_changed_ns) / 3.6e12
        words = f"quarantined for {hours:.0f} hours, and nobody decided about it"
        ask(Wish(uuid, Action.CONDEMN, words, waits=True), round_)
    elif known.state is HealthState.DEEP_TEST:
        ask_again(known, round_)


def _is_forgotten(known: GpuState, limit_ns: int, round_: Round) -> bool:
    """Whether nobody decided for so long, nobody was asked for a day since, and nothing about it waits.

    How much speaks against a GPU only grows, so one that failed again after a denial stays asked about.
    """
    due_ns, asked_ns = known.state_changed_ns + limit_ns, known.proposed_ns
    if round_.now_ns < due_ns or _is_denied(known, round_.now_ns) or is_asked_about(known, round_):
        return False
    return asked_ns is None or asked_ns < due_ns or round_.now_ns - asked_ns >= ASK_AGAIN_NS


def _is_denied(known: GpuState, now_ns: int) -> bool:
    denied = known.denied
    if denied is None:
        return False
    holds_ns = DENIED_FOR_NS if known.against == denied.against else FAILING_FOR_NS
    return now_ns - denied.time_ns < holds_ns


def _tell_of_overstay(known: GpuState, round_: Round) -> GpuState:
    hours = (round_.now_ns - known.state_changed_ns) / 3.6e12
    event = "gpu.quarantine_timeout" if known.state is HealthState.QUARANTINED else "gpu.deep_test_timeout"
    fields = {"state": known.state.name, "hours": f"{hours:.1f}", "reason": known.state_reason}
    if known.state is HealthState.DEEP_TEST and known.deep_test is not None:
        fields |= {"outcome": known.deep_test.outcome.value, "done": f"{known.deep_test.share_done:.3f}"}
        fields["silent_sms"] = ", ".join(map(str, known.deep_test.silent))
    round_.entries.append(records.system(event, fields, round_.now_ns, known.gpu))
    round_.happenings.append(Overstayed.of(known, round_.now_ns))
    told = replace(known, overstayed=True)
    round_.gpus.put(known.gpu.uuid, told)
    return told


def end(round_: Round) -> None:
    """Do what is due before the gateway stops: the open hour's probes are summed up, so that the ledger is complete.

    All in one round, for nobody waits behind it. After a crash, or where this cannot be stored, they stay with their
    GPUs in the database, and the next start goes on counting.
    """
    for known in [known for known in round_.gpus.values() if known.summary.start_ns]:
        round_.gpus.put(known.gpu.uuid, _summed_up(known, round_))
    round_.tell("gateway.stopped")


def _summed_up(known: GpuState, round_: Round) -> GpuState:
    if round_.settings.record_passes is not RecordedPasses.NONE:
        round_.entries.append(records.probe_summary(known.gpu, known.summary, round_.now_ns))
    return replace(known, summary=Summary())


def _limits_ns(settings: HealthSettings) -> dict[HealthState, int]:
    limits = {
        HealthState.QUARANTINED: settings.quarantine_timeout,
        HealthState.DEEP_TEST: settings.deep_test_timeout,
    }
    return {state: int(limit.total_seconds() * 1e9) for state, limit in limits.items() if limit}


def _overstays(known: GpuState, limits_ns: dict[HealthState, int], now_ns: int) -> bool:
    limit_ns = limits_ns.get(known.state)
    return limit_ns is not None and not known.overstayed and now_ns - known.state_changed_ns >= limit_ns
