"""Which GPUs a pod holds or held, as dcgm-exporter's labels told Prometheus. A help: without it the answer is empty."""

from __future__ import annotations

from gcm_sentinel.clients.prometheus import PrometheusClient, PromSeries
from gcm_sentinel.datasources.gpu_labels import holding_pod, identity, speaks_of
from gcm_sentinel.datasources.gpu_series import node_matchers
from gcm_sentinel.domain.errors import SentinelError

_LOOK_BACK = "12h"
_METRIC = "DCGM_FI_DEV_GPU_TEMP(_CELSIUS)?"
"""Exported by default, under its older or newer name; any per-GPU metric would do."""


async def gpu_holders(prometheus: PrometheusClient | None, node: str) -> dict[str, list[str]]:
    """``namespace/pod`` -> UUIDs (indices where the exporter gives none) of the node's GPUs it held lately, sorted.

    An instant query has no order of its own.
    """
    if prometheus is None:
        return {}
    held: dict[str, set[str]] = {}
    for series in await _series(prometheus, node):
        pod, gpu = holding_pod(series.labels), identity(series.labels)
        if pod is None or gpu is None or not speaks_of(series.labels, node):
            continue
        held.setdefault(pod, set()).add(gpu["uuid"] or str(gpu["index"]))
    return {pod: sorted(devices) for pod, devices in held.items()}


async def _series(prometheus: PrometheusClient, node: str) -> tuple[PromSeries, ...]:
    """The node's GPU series of late, by the first label that names it; an exporter's Hostname may be its pod's name."""
    for matcher in node_matchers(node):
        try:
            result = await prometheus.query(f'last_over_time({{__name__=~"{_METRIC}",{matcher}}}[{_LOOK_BACK}])')
        except SentinelError:
            return ()
        if result.series:
            return result.series
    return ()
