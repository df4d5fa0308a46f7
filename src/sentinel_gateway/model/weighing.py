"""How much signs that are no exact probes say against a GPU.

They say less than a failed probe, and less the older they are. Anomalies together stay below what quarantines; of
TMR dissents only those count together that rest on nobody's word twice: a fault of a partner repeats with it, whoever
holds the credentials of a host speaks for all its GPUs, and a reporter can write what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_gateway.domain.signs import Sign, SignKind, Signs
from sentinel_gateway.model.settings import ANOMALY_WEIGHT, DISSENT_WEIGHT, ModelSettings, unit_nats


@dataclass(frozen=True, slots=True)
class Weight:
    """What all signs of a GPU say together."""

    anomaly_nats: float
    dissent_nats: float
    partners: int
    """Pairs of GPUs that outvoted it; no GPU, no host and no reporter stands behind two of them."""

    @property
    def nats(self) -> float:
        """Both."""
        return self.anomaly_nats + self.dissent_nats


_NOTHING = Weight(0.0, 0.0, 0)


def weigh(signs: Signs, now_ns: int, settings: ModelSettings) -> Weight:
    """What signs say now."""
    if not signs:
        return _NOTHING
    unit = unit_nats(settings)
    anomalies = sum(_fresh(sign, now_ns, settings) for sign in signs if sign.kind is SignKind.ANOMALY)
    outvoted = _independent(signs)
    return Weight(
        min(settings.anomaly_cap_nats, ANOMALY_WEIGHT * unit * anomalies),
        DISSENT_WEIGHT * unit * sum(_fresh(sign, now_ns, settings) for sign in outvoted),
        len(outvoted),
    )


def _independent(signs: Signs) -> list[Sign]:
    """The dissents that share neither a partner, nor a partner's host, nor a reporter, the latest first.

    Beside another one none counts of which no partner's host is known.
    """
    kept, met = [], set[str]()
    for sign in reversed(signs):
        if sign.kind is not SignKind.DISSENT or sign.rests_on & met or (met and not sign.hosts):
            continue
        met |= sign.rests_on
        kept.append(sign)
    return kept


def _fresh(sign: Sign, now_ns: int, settings: ModelSettings) -> float:
    """1 for a sign of now, half of it after each half-life."""
    half_life_ns: float = settings.half_life.total_seconds() * 1e9
    return float(0.5 ** (max(0, now_ns - sign.time_ns) / half_life_ns))
