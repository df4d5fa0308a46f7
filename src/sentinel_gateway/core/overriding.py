"""What hosts are told about their probe schedules: more probes while one of their GPUs is SUSPECT or in a deep test,
else fewer while probes take more of a GPU than the budget allows.

A host is told when the need begins and again when half of the time has passed; then its agent goes back to its own
schedule by itself. Who is told nothing needs nothing. More probes have precedence, for the override of a probe type
replaces the one before: while a host is asked for more of them, nothing of it is stretched.
"""

from __future__ import annotations

from collections.abc import Mapping

from sentinel_gateway.core.overhead import HostOverhead, budget_pct, step_of
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.touched import Told
from sentinel_gateway.domain.configuration import ProbeSchedule
from sentinel_gateway.domain.deep_tests import DeepTestOutcome
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.happenings import ProbesTakeTooMuch
from sentinel_gateway.domain.overhead import Ran
from sentinel_gateway.domain.probes import ScheduleOverride
from sentinel_gateway.model.overrides import DURATION_S, PERIODS_S, overrides, stretched

_AGAIN_NS = DURATION_S * 10**9 // 2


def measure(hostname: str, ran: Mapping[str, Ran], round_: Round) -> None:
    """Count what executions of a batch took of their GPUs, by UUID."""
    host = round_.overhead.get(hostname) or HostOverhead(heard_ns=round_.now_ns)
    paces = host.asked.paces(_periods_s(round_), round_.now_ns)
    for uuid, one in ran.items():
        known = round_.gpus.get(uuid)
        if known is not None and known.gpu.hostname in ("", hostname):
            round_.counters.busy_ns.update(dict(enumerate(one.spent_ns)))
            host = host.with_ran(uuid, one, paces, _share(known, round_), round_.now_ns)
    _keep_measured(hostname, host, round_)


def measure_silent(round_: Round) -> None:
    """End what was told of hosts that report no more, and forget those that are gone."""
    for hostname, host in list(round_.overhead.items()):
        if host.is_high or host.above_ns:
            _keep_measured(hostname, host, round_)
        elif host.is_gone(round_.now_ns):
            round_.overhead.remove(hostname)
            round_.overridden.remove(hostname)


def _keep_measured(hostname: str, host: HostOverhead, round_: Round) -> None:
    """People are told where it is high for long, and where that ends."""
    measured = host.measured_at(round_.now_ns)
    round_.overhead.put(hostname, measured)
    if measured.is_high != host.is_high:
        _, measured_pct = measured.load(hostname, round_.now_ns).worst
        is_over = not measured.is_high
        round_.happenings.append(
            ProbesTakeTooMuch(time_ns=round_.now_ns, hostname=hostname, overhead_pct=measured_pct, is_over=is_over)
        )


def _share(known: GpuState, round_: Round) -> float:
    return 1.0 if round_.settings.ingest.whole_gpu else 1 / max(1, len(known.sms))


def overrides_for(hostname: str, round_: Round, *, is_again: bool) -> tuple[ScheduleOverride, ...]:
    """What is told to a host that reports; `is_again`: it did not hear the answer before."""
    known, watched = round_.overridden.get(hostname), round_.watched(hostname)
    wanted = (_closer(hostname, watched, round_) if watched else ()) or _stretched(hostname, round_)
    if not wanted:
        if known is not None:
            round_.overridden.remove(hostname)
        return ()
    is_new = known is None or known.overrides != wanted or round_.now_ns - known.time_ns >= _AGAIN_NS
    if not is_new and not is_again:
        return ()
    round_.overridden.put(hostname, Told(round_.now_ns, wanted))
    host = round_.overhead.get(hostname) or HostOverhead(heard_ns=round_.now_ns)
    round_.overhead.put(hostname, host.told(wanted, round_.now_ns))
    return wanted


def _closer(hostname: str, watched: frozenset[str], round_: Round) -> tuple[ScheduleOverride, ...]:
    """More probes, because of what the host's GPUs are suspected of."""
    gpus = [gpu for uuid in watched if (gpu := round_.gpus.get(uuid)) and gpu.gpu.hostname == hostname]
    return overrides([gpu.state for gpu in gpus if not _is_decided(gpu)], _periods_s(round_))


def _stretched(hostname: str, round_: Round) -> tuple[ScheduleOverride, ...]:
    """Fewer probes, where they take more than the budget; a step is put on record when it is decided."""
    host = round_.overhead.get(hostname)
    if host is None:
        return ()
    budget = budget_pct(round_.configuration)
    if host.is_due(budget, round_.now_ns):
        looked = host.looked_at(budget, round_.now_ns)
        if (step := step_of(hostname, host, looked, round_.now_ns)) is not None:
            round_.tell(*step)
        round_.overhead.put(hostname, looked)
        host = looked
    return stretched(host.factors, _periods_s(round_))


def _is_decided(known: GpuState) -> bool:
    """More results of a test that failed change nothing."""
    return known.deep_test is not None and known.deep_test.outcome is DeepTestOutcome.FAILED


def _periods_s(round_: Round) -> Mapping[int, int]:
    """The schedule that was pushed, or else the documented one."""
    pushed = round_.configuration.updates.get("probe_schedule")
    if pushed is None or not isinstance(pushed.payload, ProbeSchedule):
        return PERIODS_S
    return {entry.probe_type: entry.period_s for entry in pushed.payload.entries if entry.enabled}
