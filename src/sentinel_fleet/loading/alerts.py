"""A world's alerts as Prometheus posts them to an Alertmanager."""

from __future__ import annotations

from collections.abc import Iterable

from sentinel_fleet.objects import KubeObject

_POSTED = ("labels", "annotations", "startsAt", "endsAt", "generatorURL")


def postable(alerts: Iterable[KubeObject]) -> list[KubeObject]:
    """Of each shown alert what was sent; its fingerprint, state and receivers are the server's to say."""
    return [{name: alert[name] for name in _POSTED if name in alert} for alert in alerts]
