"""What the rest of the fleet says about one GPU: its host, its neighbours, how many were taken out."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel_gateway.core.round import Round
from sentinel_gateway.core.touched import Lately
from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.model.guards import Guard, Shared
from sentinel_gateway.model.healthy import OBSERVED, observed_rate
from sentinel_gateway.model.verdicts import Surroundings

_LOOK_AGAIN_NS = 3600 * 10**9
_DAY_NS = 24 * 3600 * 10**9


def surroundings(known: GpuState, causes: Sequence[Guard], round_: Round) -> Surroundings:
    """See the module."""
    lately, others = round_.lately, len(round_.gpus) - 1
    return Surroundings(
        host_fails=any(guard.shared is Shared.HOST and guard.covers(known.gpu) for guard in causes),
        peers_pass=_a_neighbour_passes(known, round_),
        room=_is_room(round_),
        failure_rate=observed_rate(len(lately.failing - {known.gpu.uuid}), others, lately.results),
    )


def look_back(round_: Round) -> None:
    """Once an hour: which GPUs failed within a day, and how much GPUs report in a day."""
    if round_.now_ns < round_.lately.looked_ns + _LOOK_AGAIN_NS:
        return
    since_ns = round_.now_ns - int(OBSERVED.total_seconds() * 1e9)
    failing, results = set(), 0.0
    for known in round_.gpus.values():
        trail = known.sms.trails.get(WHOLE)
        if trail and trail[-1].time_ns >= since_ns:
            failing.add(known.gpu.uuid)
        days = max(1.0, (round_.now_ns - known.first_seen_ns) / _DAY_NS)
        results += (known.seen.passes + known.seen.failures) / days
    round_.lately = Lately(round_.now_ns, frozenset(failing), results / max(1, len(round_.gpus)))


def _a_neighbour_passes(known: GpuState, round_: Round) -> bool:
    """Another GPU of its model on its host reported lately, and failed none of what it failed."""
    window_ns = int(round_.model.guard_window.total_seconds() * 1e9)
    trail = known.sms.trails.get(WHOLE, ())
    types = [kind for kind in range(16) if trail and trail[-1].types >> kind & 1]
    for uuid in round_.kinds.hosts.get(known.gpu.hostname, ()):
        peer = round_.gpus.get(uuid)
        if peer is None or uuid == known.gpu.uuid or peer.gpu.model != known.gpu.model:
            continue
        reports = (peer.last_probe_ns or 0) > round_.now_ns - window_ns
        if reports and not any(round_.sightings.get((uuid, kind)) for kind in types):
            return True
    return False


def _is_room(round_: Round) -> bool:
    """Whether one more GPU may be taken out without a person."""
    settings = round_.model
    since_ns = round_.now_ns - int(settings.automatic_window.total_seconds() * 1e9)
    round_.automatic = tuple(one for one in round_.automatic if one > since_ns)
    return len(round_.automatic) < max(settings.automatic_least, int(settings.automatic_share * len(round_.gpus)))
