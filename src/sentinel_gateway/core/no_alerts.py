"""Alerting for a core that tells nobody: benchmarks, and tests of other things."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel_gateway.domain.alerts import AlertChanges
from sentinel_gateway.domain.happenings import Happening


class NoAlerts:
    """`domain.alerts.Alerts` that never alerts."""

    def decide(self, happenings: Sequence[Happening], now_ns: int) -> AlertChanges:
        """Nothing."""
        return AlertChanges(now_ns=now_ns)

    def committed(self, changes: AlertChanges) -> None:
        """Nothing holds."""

    def missed(self) -> None:
        """Nobody is listened for."""
