"""Votes on TMR canaries: who agreed with whom, and what a dissent says against a GPU.

Whoever may report can name any three GPUs. So a dissent is evidence only in a canary that the gateway itself scheduled
and that is not due yet, and where callers are held to hosts only of a caller whose host takes part. Every other vote is
counted for the trust graph, told to people and put on record with its reporter, and speaks against nobody; an operator
whose agents schedule canaries themselves can have them believed (`TmrSettings.count_unscheduled`). A report without
three results is put on record and ends no canary that the gateway waits for: another host may have them.
"""

from __future__ import annotations

from sentinel_gateway.core import records
from sentinel_gateway.core.noticing import Told, seen_alone
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.errors import Busy, Denied, Invalid
from sentinel_gateway.domain.gpus import GpuState, with_dissent
from sentinel_gateway.domain.happenings import TmrVoted
from sentinel_gateway.domain.tmr import OpenCanary, TmrOutcome, TmrReport, TmrVerdict, vote
from sentinel_gateway.domain.trust import Edge, pair


def take_tmr(report: TmrReport, reporter: str, time_ns: int, round_: Round) -> TmrVerdict:
    """Vote on a canary and count it once. It makes GPUs known, and never describes known ones anew.

    Raises:
        Busy: it is about more GPUs than may become known.
        Invalid: it has the id of a canary that the gateway scheduled for other GPUs.
        Denied: it is about a canary that the gateway scheduled for other hosts than the caller's.
    """
    if (earlier := round_.verdict(report.canary_id)) is not None:
        return TmrVerdict(
            earlier.canary_id, earlier.outcome, earlier.consensus_hash, earlier.dissenting_gpu, duplicate=True
        )
    is_scheduled = _is_wanted(report, reporter, round_)
    if not round_.has_room_for([result.gpu for result in report.results]):
        raise Busy(f"this gateway was told to take {round_.settings.ingest.max_gpus} GPUs, and knows as many")
    verdict = vote(report)
    before = [known for result in report.results if (known := round_.gpus.get(result.gpu.uuid)) is not None]
    for gpu in [result.gpu for result in report.results if round_.gpus.get(result.gpu.uuid) is None]:
        round_.gpus.put(gpu.uuid, round_.gpu(gpu))
    if verdict.outcome in (TmrOutcome.UNANIMOUS, TmrOutcome.DISSENT):
        _compare(report, verdict, time_ns, round_)
    _count(verdict, time_ns, round_)
    if is_scheduled or round_.settings.tmr.count_unscheduled:
        _blame(verdict, before, Told(time_ns, reporter), round_)
    if is_scheduled and verdict.outcome is TmrOutcome.INSUFFICIENT:
        round_.counters.votes[verdict.outcome] += 1
    else:
        _end(verdict, time_ns, round_, is_scheduled=is_scheduled)
    round_.entries.append(records.tmr(report, verdict, time_ns, records.Reported(reporter, is_scheduled)))
    round_.happenings.append(TmrVoted.of(verdict, time_ns))
    return verdict


def _is_wanted(report: TmrReport, reporter: str, round_: Round) -> bool:
    """Whether the gateway waits for a report of this canary."""
    wanted = round_.canaries.get(report.canary_id)
    if wanted is None or wanted.due_ns <= round_.now_ns:
        return False
    _check(wanted, report, reporter, is_held=round_.settings.ingest.own_hostname)
    return True


def _check(wanted: OpenCanary, report: TmrReport, reporter: str, *, is_held: bool) -> None:
    gpus = wanted.request.gpus
    if is_held and reporter not in {gpu.hostname for gpu in gpus}:
        raise Denied(f"canary {report.canary_id} runs on other hosts than that of {reporter!r}: theirs report it")
    if not {result.gpu.uuid for result in report.results} <= {gpu.uuid for gpu in gpus}:
        raise Invalid(
            f"canary {report.canary_id} was scheduled for {', '.join(gpu.uuid for gpu in gpus)}, not for these"
        )


def _alone(verdict: TmrVerdict, round_: Round) -> GpuState | None:
    return round_.gpus.get(verdict.dissenting_gpu.uuid) if verdict.dissenting_gpu is not None else None


def _count(verdict: TmrVerdict, time_ns: int, round_: Round) -> None:
    """Count a dissent, which lowers the score that is shown."""
    if (alone := _alone(verdict, round_)) is not None:
        round_.put_gpu(with_dissent(alone, time_ns, round_.now_ns, round_.window_s))


def _blame(verdict: TmrVerdict, before: list[GpuState], told: Told, round_: Round) -> None:
    """Put a dissent down as evidence against the GPU that stood alone."""
    if (alone := _alone(verdict, round_)) is not None:
        round_.put_gpu(seen_alone(alone, verdict, before, told, round_))


def _end(verdict: TmrVerdict, time_ns: int, round_: Round, *, is_scheduled: bool) -> None:
    """This canary is over: its next report is a duplicate."""
    if is_scheduled:
        round_.canaries.remove(verdict.canary_id)
    round_.put_verdict(verdict, time_ns)


def _compare(report: TmrReport, verdict: TmrVerdict, time_ns: int, round_: Round) -> None:
    """Every pair of the three agreed or not."""
    dissenter = verdict.dissenting_gpu.uuid if verdict.dissenting_gpu else ""
    uuids = sorted(result.gpu.uuid for result in report.results)
    for place, one in enumerate(uuids):
        for other in uuids[place + 1 :]:
            key = pair(one, other)
            edge = round_.edges.get(key)
            if edge is None and len(round_.edges) >= round_.settings.ingest.max_pairs:
                continue
            round_.edges.put(key, (edge or Edge(key)).compared(agreed=dissenter not in key, time_ns=time_ns))
