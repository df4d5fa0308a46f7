"""The node agent's metrics by name: what each counts, and the small seam through which rooms report them.

Names without `gcm` are the reference agent's, so that its dashboards and rules go on working. The app makes the real
metrics from `METRICS`; rooms only name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

PROBE_EXECUTIONS = "sentinel_probe_executions_total"
PROBE_LATENCY = "sentinel_probe_latency_seconds"
ACTIVE_SMS = "sentinel_active_sm_count"
PROBE_COVERAGE = "sentinel_probe_coverage_ratio"
PROBE_OVERHEAD = "sentinel_probe_overhead_percent"
PROBES_PAUSED = "sentinel_probes_paused"
BATCHES_SENT = "sentinel_grpc_batches_sent_total"
BATCHES_REFUSED = "sentinel_grpc_batches_refused_total"
GRPC_ERRORS = "sentinel_grpc_errors_total"
GRPC_CONNECTED = "sentinel_grpc_connected"
BUFFER_DEPTH = "sentinel_buffer_depth"
BUFFER_BYTES = "sentinel_buffer_bytes"
BUFFER_LOST = "sentinel_buffer_lost_total"
TELEMETRY_COLLECTIONS = "sentinel_telemetry_collections_total"
TELEMETRY_ERRORS = "sentinel_telemetry_errors_total"
AGENT_UPTIME = "sentinel_agent_uptime_seconds"
GPU_COUNT = "sentinel_gpu_count"
KERNEL_XIDS = "sentinel_kernel_xid_total"
KERNEL_SXIDS = "sentinel_kernel_sxid_total"
KERNEL_LOST_LINES = "sentinel_kernel_lost_lines_total"
KERNEL_LOG_FOLLOWED = "sentinel_kernel_log_followed"


class Sort(StrEnum):
    """What can be done with a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    sort: Sort
    help: str
    labels: tuple[str, ...] = ()


METRICS: Mapping[str, Metric] = {
    PROBE_EXECUTIONS: Metric(
        Sort.COUNTER, "Findings of probes by outcome, scheduled ones and those asked for.", ("probe_type", "result")
    ),
    PROBE_LATENCY: Metric(Sort.HISTOGRAM, "How long one run of a probe took, all its SMs.", ("probe_type",)),
    ACTIVE_SMS: Metric(Sort.GAUGE, "SMs that any probe reached within its last full round.", ("gpu_uuid",)),
    PROBE_COVERAGE: Metric(
        Sort.GAUGE, "Share of the SMs that the probe reached within its last full round.", ("gpu_uuid", "probe_type")
    ),
    PROBE_OVERHEAD: Metric(Sort.GAUGE, "Share of the GPU's time spent on probes in ten minutes.", ("gpu_uuid",)),
    PROBES_PAUSED: Metric(Sort.GAUGE, "1 while a GPU's probes pause after timeouts in a row.", ("gpu_uuid",)),
    BATCHES_SENT: Metric(Sort.COUNTER, "Batches that the gateway stored."),
    BATCHES_REFUSED: Metric(Sort.COUNTER, "Batches that the gateway refused, or a part of them.", ("kind", "extent")),
    GRPC_ERRORS: Metric(Sort.COUNTER, "Failures of streams to the gateway.", ("error_type",)),
    GRPC_CONNECTED: Metric(Sort.GAUGE, "1 while the gateway answers what is sent on a stream.", ("stream",)),
    BUFFER_DEPTH: Metric(Sort.GAUGE, "Batches of probe results that wait for the gateway."),
    BUFFER_BYTES: Metric(Sort.GAUGE, "What the buffer takes on disk."),
    BUFFER_LOST: Metric(Sort.COUNTER, "Batches of probe results that were lost.", ("reason",)),
    TELEMETRY_COLLECTIONS: Metric(Sort.COUNTER, "Times that all GPUs were read."),
    TELEMETRY_ERRORS: Metric(Sort.COUNTER, "Readings that failed, or were not taken.", ("source",)),
    AGENT_UPTIME: Metric(Sort.GAUGE, "Seconds since the agent started."),
    GPU_COUNT: Metric(Sort.GAUGE, "GPUs of this node that the driver lists and has not lost."),
    KERNEL_XIDS: Metric(
        Sort.COUNTER, "Xids that the driver printed, by GPU and number.", ("gpu_uuid", "pci_bus_id", "xid")
    ),
    KERNEL_SXIDS: Metric(Sort.COUNTER, "SXids that NVSwitches printed, by switch and number.", ("pci_bus_id", "sxid")),
    KERNEL_LOST_LINES: Metric(Sort.COUNTER, "Lines that the kernel overwrote before they were read."),
    KERNEL_LOG_FOLLOWED: Metric(Sort.GAUGE, "1 while the kernel's log is followed; else no Xid is counted."),
}


class Metrics(Protocol):
    """Where figures go; `name` is a key of `METRICS`, and `labels` are those it has."""

    def add(self, name: str, value: float = 1, **labels: str) -> None:
        """Count something."""

    def set(self, name: str, value: float, **labels: str) -> None:
        """Say how much there is of it now."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one value to a distribution."""
