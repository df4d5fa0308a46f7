"""Whole values as JSON, for columns that are never asked for by their parts."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sentinel_gateway.domain.configuration import (
    ComponentAck,
    OverheadBudget,
    Payload,
    ProbeSchedule,
    SamplingRate,
    ScheduleEntry,
    Threshold,
)
from sentinel_gateway.domain.faults import FaultRequest
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.telemetry import Ecc, NvLink, Power, TelemetryReport, Thermal

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_PAYLOADS: dict[str, type[OverheadBudget] | type[SamplingRate] | type[Threshold]] = {
    "OverheadBudget": OverheadBudget,
    "SamplingRate": SamplingRate,
    "Threshold": Threshold,
}


def packed(value: object) -> str:
    """`value` as compact JSON."""
    return _ENCODER.encode(value)


def unpacked(text: str) -> Any:  # noqa: ANN401  JSON has no narrower type
    """The value of some JSON."""
    return json.loads(text)


def gpu_text(gpu: Gpu) -> str:
    """A GPU's description."""
    return packed(asdict(gpu))


def gpu_of(text: str) -> Gpu:
    """The GPU of a description."""
    return Gpu(**unpacked(text))


def payload_text(payload: Payload) -> str:
    """A configuration update's payload."""
    return packed({"kind": type(payload).__name__, "value": asdict(payload)})


def payload_of(text: str) -> Payload:
    """The payload of a configuration update."""
    stored = unpacked(text)
    if stored["kind"] == "ProbeSchedule":
        return ProbeSchedule(tuple(ScheduleEntry(**entry) for entry in stored["value"]["entries"]))
    return _PAYLOADS[stored["kind"]](**stored["value"])


def fault_text(request: FaultRequest) -> str:
    """A fault that was asked for."""
    return packed(asdict(request))


def fault_of(text: str) -> FaultRequest:
    """The fault that was asked for."""
    stored = unpacked(text)
    return FaultRequest(**{**stored, "gpu": Gpu(**stored["gpu"])})


def ack_text(ack: ComponentAck) -> str:
    """What a component said."""
    return packed(asdict(ack))


def ack_of(text: str) -> ComponentAck:
    """What a component said."""
    return ComponentAck(**unpacked(text))


def report_text(report: TelemetryReport) -> str:
    """A telemetry report."""
    return packed(asdict(report))


def report_of(text: str) -> TelemetryReport:
    """A telemetry report."""
    stored = unpacked(text)
    parts = {
        "gpu": Gpu(**stored["gpu"]),
        "thermal": Thermal(**stored["thermal"]) if stored["thermal"] else None,
        "power": Power(**stored["power"]) if stored["power"] else None,
        "ecc": Ecc(**stored["ecc"]) if stored["ecc"] else None,
        "nvlinks": tuple(NvLink(**link) for link in stored["nvlinks"]),
    }
    return TelemetryReport(**{**stored, **parts})
