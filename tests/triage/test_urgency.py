"""How soon a problem deserves an investigation, before anyone has looked."""

from __future__ import annotations

import pytest
from tests.triage.shelf import T0, problem

from gcm_sentinel.domain.incident_record import Urgency
from gcm_sentinel.domain.trigger import FaultScope, Incident, TriggerStatus
from gcm_sentinel.triage.urgency import urgency_of, urgency_of_incident

CRITICAL, WARNING, INFO = Urgency.CRITICAL, Urgency.WARNING, Urgency.INFO
ECC_OK_LINE = (
    "ecc_corrected_volatile_total check: exit_code: ExitCode.OK, "
    "all GPUs have ECC errors below the threshold of 50000000."
)
CUT_RECORD = '[{"node": "n", "health_check": "xid errors", "result": 2, "_msg": "XID error: 79, XID causes: Bus'


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("GpuXid", "NVRM: Xid (PCI:0000:91:00): 79, GPU has fallen off the bus.", CRITICAL),
        ("GcmXidErrorsProblem", CUT_RECORD, CRITICAL),
        ("GpuXid", "Xid 95", CRITICAL),
        ("GpuXid", "Xid 48, 63", CRITICAL),
        ("GpuXid", "Xid 94", WARNING),
        ("GpuXid", "Xid 109", WARNING),
        ("GpuXid", "Xid 13", INFO),
        ("GpuXid", "Xid 31, 43, 45", INFO),
        ("GpuXid", "Xid 63", INFO),
        ("GpuXid", "something was cut off", WARNING),
        ("GcmSmiDisconnectedProblem", "Number of GPUs present, 7, is different than expected, 8", CRITICAL),
        ("GcmSmiEccProblem", "gpu3 has 142 volatile uncorrectable ECC errors", CRITICAL),
        ("GcmSmiEccProblem", ECC_OK_LINE, CRITICAL),
        ("GpuEcc", "rate of corrected errors above the threshold", WARNING),
        ("GcmRowRemapProblem", "row remap failed", CRITICAL),
        ("GcmDcgmiDiagProblem", "dcgmi diag command FAILED to execute. error_code: 255", WARNING),
        ("GcmSmiDisconnectedProblem", "nvidia-smi: command not found", WARNING),
        ("Ready", "Kubelet stopped posting node status.", CRITICAL),
        ("Ready", "container runtime is down: connection refused", CRITICAL),
        ("KernelDeadlock", "task blocked", CRITICAL),
        ("NVSwitchFatalError", "SXid 20034", CRITICAL),
        ("NVSwitchNonFatalError", "SXid 12028", INFO),
        ("CSPMaintenance", "scheduled", INFO),
        ("IbDev", "mlx5_0 down", WARNING),
        ("GpuThermalWatch", "hot", WARNING),
        ("SomethingOdd", "", WARNING),
    ],
)
def test_of_a_problem(kind, message, expected):
    assert urgency_of(problem("gpu-1", kind, message)) is expected


def test_an_xid_in_the_reason_counts():
    found = problem("gpu-1", "AcceleratedHardwareReady", "fatal", reason="NvidiaXID79Error")

    assert urgency_of(found) is CRITICAL


def test_a_checker_that_cannot_tell_is_a_warning():
    found = problem("gpu-1", "GpuCount", "Timeout when running plugin", status=TriggerStatus.UNKNOWN)

    assert urgency_of(found) is WARNING


@pytest.mark.parametrize(
    ("messages", "scope", "expected"),
    [
        (["Xid 13", "Xid 109"], None, WARNING),
        (["Xid 13"], FaultScope("node", "gpu-1"), INFO),
        (["Xid 13"], FaultScope("job", "train-7"), WARNING),
        (["Xid 109"], FaultScope("driver_version", "570"), CRITICAL),
    ],
    ids=["the-worst", "one-node", "harmless-on-many", "on-many"],
)
def test_of_an_incident(messages, scope, expected):
    triggers = tuple(problem("gpu-1", message=message) for message in messages)

    assert urgency_of_incident(Incident("inc-1", triggers, T0, scope=scope)) is expected
