"""Anomalies that many GPUs show at one moment are the application's or a deployment's, and speak against none.

In a storm of them the fleet is looked at once in a while; what came in between is excused with the next look.
"""

from __future__ import annotations

from dataclasses import replace

from sentinel_gateway.core.guarding import FEW, LOOK_AGAIN_NS, forget, sight
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.observations import ANOMALIES, WINDOW_NS
from sentinel_gateway.domain.signs import SignKind
from sentinel_gateway.model.guards import Guard, Sighting, guards


def excuse_anomalies(round_: Round) -> None:
    """Drop the anomalies among the signs that many GPUs showed within the window; their host may be what they share."""
    news, looks = round_.touched.anomalies, round_.looks
    sight(round_.anomalous, news, round_.now_ns, WINDOW_NS)
    is_due = round_.now_ns - looks.excused_ns >= LOOK_AGAIN_NS
    if (news and len(round_.anomalous) < FEW) or (is_due and (news or looks.is_any_unseen or len(round_.anomalous))):
        _look(round_)
    elif news:
        looks.is_any_unseen = True
        for uuid in dict.fromkeys(uuid for uuid, _ in news):
            _excuse(uuid, looks.excuses, round_)


def _look(round_: Round) -> None:
    """Look at all anomalies of the window; GPUs with new ones are excused, all of them where a cause is new."""
    looks = round_.looks
    forget(round_.anomalous, round_.now_ns - WINDOW_NS)
    seen = [
        Sighting(known.gpu, kind, sighted.received_ns)
        for (uuid, kind), sighted in round_.anomalous.items()
        if (known := round_.gpus.get(uuid)) is not None
    ]
    found = guards(seen, round_.kinds.census, round_.model)
    is_new = not {guard.key for guard in found} <= {guard.key for guard in looks.excuses}
    since_ns = 0 if is_new else looks.excused_ns
    looks.excused_ns, looks.excuses, looks.is_any_unseen = round_.now_ns, found, False
    if found:
        for uuid in {sighting.gpu.uuid for sighting in seen if sighting.last_ns >= since_ns}:
            _excuse(uuid, found, round_)


def _excuse(uuid: str, found: tuple[Guard, ...], round_: Round) -> None:
    known = round_.gpus.get(uuid)
    if known is None or not known.signs:
        return
    types = 0
    for guard in found:
        types |= guard.probe_types if guard.covers(known.gpu) else 0
    since_ns = {kind: seen.since_ns for kind in range(16) if (seen := round_.anomalous.get((uuid, kind)))}
    excused = {
        sign
        for sign in known.signs
        if sign.kind is SignKind.ANOMALY
        and types >> int(sign.about) & 1
        and sign.time_ns >= since_ns.get(int(sign.about), round_.now_ns)
    }
    if excused:
        ids = {sign.event_id for sign in excused}
        recent = tuple(one for one in known.recent if one.kind not in ANOMALIES or one.event_id not in ids)
        signs = tuple(sign for sign in known.signs if sign not in excused)
        round_.gpus.put(uuid, replace(known, signs=signs, recent=recent))
        round_.note("anomalies.excused", len(excused))
