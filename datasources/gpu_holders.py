"""Which GPUs a pod holds or held, as dcgm-exporter's labels told Prometheus. A help: without it the answer is empty."""

from __future__ import annotations

from gcm_sentinel.clients.prometheus import PrometheusClient
from gcm_sentinel.datasources.gpu_labels import holding_pod, identity, speaks_of
from gcm_sentinel.domain.errors import SentinelError

_LOOK_BACK = "12h"
_METRIC = "DCGM_FI_DEV_GPU_TEMP(_CELSIUS)?"
"""Exported by default, under its older or newer name; any per-GPU metric would do."""


async def gpu_holders(prometheus: PrometheusClient | None, node: str) -> dict[str, list[str]]:
    """``namespace/pod`` -> UUIDs (indices where the exporter gives none) of the node's GPUs it held lately."""
    if prometheus is None:
        return {}
    query = f'last_over_time({{__name__=~"{_METRIC}",Hostname="{node}"}}[{_LOOK_BACK}])'
    try:
        result = await prometheus.query(query)
    except SentinelError:
        return {}
    held: dict[str, list[str]] = {}
    for series in result.series:
        pod, gpu = holding_pod(series.labels), identity(series.labels)
        if pod is None or gpu is None or not speaks_of(series.labels, node):
            continue
        device = gpu["uuid"] or str(gpu["index"])
        devices = held.setdefault(pod, [])
        if device not in devices:
            devices.append(device)
    return held
