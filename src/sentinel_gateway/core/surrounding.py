"""What the rest of the fleet says about one GPU: its host, its neighbours, how many were taken out.

Only GPUs whose probes were reported within a day count: those that are gone would make the fleet look larger, healthier
and more often probed than it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sentinel_gateway.core.acquitting import own_trails
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.touched import Counted, Lately
from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.model.guards import Guard, Shared
from sentinel_gateway.model.healthy import FEW, OBSERVED, observed_rate
from sentinel_gateway.model.limits import may_take_out
from sentinel_gateway.model.verdicts import Surroundings

_LOOK_AGAIN_NS = 3600 * 10**9
_COUNT_AGAIN_NS = 60 * 10**9
_DAY_NS = 24 * 3600 * 10**9
_FROM_ONE_HOST = FEW - 1
"""Failing GPUs of one host that count for how often healthy ones fail: a bad host, or one that lies, shows nothing."""


def surroundings(known: GpuState, causes: Sequence[Guard], round_: Round) -> Surroundings:
    """See the module."""
    return replace(
        unseen(known, round_),
        host_fails=any(guard.shared is Shared.HOST and guard.covers(known.gpu) for guard in causes),
        peers_pass=_a_neighbour_passes(known, round_),
        room=_is_room(_counted(round_).in_use, round_),
    )


def unseen(known: GpuState, round_: Round) -> Surroundings:
    """How often others fail, and nothing else looked at: whatever else there is can only raise doubts."""
    lately, counted = round_.lately, _counted(round_)
    failing = len(lately.failing) - (known.gpu.uuid in lately.failing)
    return Surroundings(failure_rate=observed_rate(failing, counted.probed - 1, lately.results))


def look_back(round_: Round) -> None:
    """Once an hour: which GPUs failed within a day for no common cause, and how much GPUs report in a day."""
    if round_.now_ns < round_.lately.looked_ns + _LOOK_AGAIN_NS:
        return
    since_ns = round_.now_ns - int(OBSERVED.total_seconds() * 1e9)
    failing, results, hosts = set[str](), 0.0, Counter[str]()
    probed = [known for known in round_.gpus.values() if known.is_probed(round_.now_ns)]
    for known in probed:
        trail = own_trails(known, round_).get(WHOLE)
        hostname = known.gpu.hostname
        if trail and trail[-1].time_ns >= since_ns and hosts[hostname] < _FROM_ONE_HOST:
            hosts[hostname] += 1
            failing.add(known.gpu.uuid)
        days = max(1.0, (round_.now_ns - known.first_seen_ns) / _DAY_NS)
        results += (known.seen.passes + known.seen.failures) / days
    round_.lately = Lately(round_.now_ns, frozenset(failing), results / max(1, len(probed)), round_.lately.counted)


def _counted(round_: Round) -> Counted:
    """How large the fleet is: counted once a minute, and where GPUs became known."""
    counted = round_.lately.counted
    if round_.now_ns < counted.time_ns + _COUNT_AGAIN_NS and counted.known == len(round_.gpus):
        return counted
    since_ns = _window_start_ns(round_)
    probed = [known for known in round_.gpus.values() if known.is_probed(round_.now_ns)]
    in_use = sum(known.is_in_use or known.state_changed_ns > since_ns for known in probed)
    counted = Counted(round_.now_ns, len(round_.gpus), len(probed), in_use)
    round_.lately = replace(round_.lately, counted=counted)
    return counted


def _a_neighbour_passes(known: GpuState, round_: Round) -> bool:
    """Another GPU of its model on its host lately passed all that it failed, and failed none of it."""
    since_ns = round_.now_ns - int(round_.model.guard_window.total_seconds() * 1e9)
    failed = 0
    trail = known.sms.trails.get(WHOLE, ())
    for burst in trail:
        failed |= burst.types if burst is trail[-1] or burst.time_ns > since_ns else 0
    types = [kind for kind in range(failed.bit_length()) if failed >> kind & 1]
    for uuid in round_.kinds.hosts.get(known.gpu.hostname, ()):
        peer = round_.gpus.get(uuid)
        if peer is None or uuid == known.gpu.uuid or peer.gpu.model != known.gpu.model:
            continue
        passes = all(peer.passed.get(kind, 0) > since_ns for kind in types)
        if passes and not any(round_.sightings.get((uuid, kind)) for kind in types):
            return True
    return False


def _is_room(in_use: int, round_: Round) -> bool:
    """Whether one more GPU may be taken out without a person."""
    since_ns = _window_start_ns(round_)
    round_.automatic = tuple(one for one in round_.automatic if one > since_ns)
    return len(round_.automatic) < may_take_out(in_use, round_.model)


def _window_start_ns(round_: Round) -> int:
    return round_.now_ns - int(round_.model.automatic_window.total_seconds() * 1e9)
