"""Answers of a node's agent as our values. What cannot be a value is refused; what is absent stays absent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.node_agent import (
    DiagnosisStatus,
    Figure,
    GpuReading,
    KernelLine,
    KernelLines,
    NodeDescription,
    NodeDiagnosis,
    NodeGpu,
    NodePart,
    Observation,
    ProbePermission,
)
from sentinel.node.v1 import node_pb2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_FIGURES = frozenset({"gpu", "time", "compute_process_ids", "unreadable", "lost"})
_STATUS_OF = {node_pb2.DiagnosisStatus.Value(f"DIAGNOSIS_STATUS_{one.name}"): one for one in DiagnosisStatus}
_PERMISSION_OF = {
    node_pb2.PROBE_PERMISSION_OFF: ProbePermission.OFF,
    node_pb2.PROBE_PERMISSION_LIGHT: ProbePermission.LIGHT,
    node_pb2.PROBE_PERMISSION_DEEP: ProbePermission.DEEP,
}


def moment(stamp: Timestamp) -> datetime:
    """A time; nanoseconds are cut off.

    Raises:
        BadResponse: it is none.
    """
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    except OverflowError as error:
        raise BadResponse(f"the node's agent sent a time that is none: {stamp.seconds} s") from error


def stamp(time: datetime) -> Timestamp:
    """A time for the wire."""
    message = Timestamp()
    message.FromDatetime(time.astimezone(UTC))
    return message


def gpu(message: node_pb2.GpuIdentity) -> NodeGpu:
    """A GPU."""
    return NodeGpu(
        uuid=message.uuid,
        index=message.device_index,
        pci_bus_id=message.pci_bus_id,
        model=message.model,
        serial=message.serial,
        driver_version=message.driver_version,
        vbios_version=message.vbios_version,
        memory_bytes=message.memory_bytes,
        is_partitioned=message.is_partitioned,
    )


def description(message: node_pb2.NodeDescription) -> NodeDescription:
    """The node as its agent sees it."""
    return NodeDescription(
        node=message.node_name,
        time=moment(message.time),
        agent_version=message.agent_version,
        boot_id=message.boot_id,
        gpus=tuple(map(gpu, message.gpus)),
        parts=tuple(NodePart(part.name, "" if part.is_available else part.missing or "?") for part in message.parts),
        permission=_PERMISSION_OF.get(message.permission, ProbePermission.UNKNOWN),
        holders=tuple((holder.gpu_uuid, holder.holder) for holder in message.holders),
    )


def line(message: node_pb2.KernelRecord) -> KernelLine:
    """One line of the kernel's log."""
    return KernelLine(
        boot_id=message.boot_id,
        sequence=message.sequence,
        monotonic_us=message.monotonic_us,
        time=moment(message.time),
        level=message.level,
        message=message.message,
        source=message.source,
        xid=message.xid if message.HasField("xid") else None,
        sxid=message.sxid if message.HasField("sxid") else None,
        pci_bus_id=message.pci_bus_id,
        aer=message.aer,
        is_off_bus=message.is_off_bus,
        folded_lines=message.folded_lines,
        from_kernel=message.from_kernel if message.HasField("from_kernel") else None,
    )


def kernel_lines(coverage: node_pb2.KernelLogCoverage, lines: Sequence[KernelLine]) -> KernelLines:
    """What was found, with what was looked through."""
    return KernelLines(
        node=coverage.node_name,
        lines=tuple(lines),
        boot_ids=tuple(coverage.boot_ids),
        is_truncated=coverage.is_truncated,
        lost_lines=coverage.lost_lines,
        missing=tuple(coverage.missing),
        time=moment(coverage.time),
    )


def reading(message: node_pb2.GpuSample) -> GpuReading:
    """One GPU at one moment; fields that a newer agent tells come along by their names."""
    return GpuReading(
        gpu=gpu(message.gpu),
        time=moment(message.time),
        figures=tuple(_figures(message, "")),
        process_ids=tuple(message.compute_process_ids),
        unreadable=tuple(message.unreadable),
        lost=message.lost,
    )


def _figures(message: Message, prefix: str) -> Iterator[Figure]:
    """Every field that is present: with its value, or what is within it."""
    for field, value in message.ListFields():
        name = prefix + field.name
        if not prefix and field.name in _NO_FIGURES:
            continue
        if field.message_type is None:
            yield Figure(name, ", ".join(map(str, value)) if _is_repeated(value) else value)
        elif _is_repeated(value):
            for place, one in enumerate(value):
                yield from _figures(one, f"{name}.{getattr(one, 'index', place)}.")
        else:
            yield from _figures(value, f"{name}.")


def _is_repeated(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Message))


def diagnosis(message: node_pb2.Diagnosis) -> NodeDiagnosis:
    """The answer to a named question."""
    return NodeDiagnosis(
        node=message.node_name,
        name=message.name,
        time=moment(message.time),
        status=_STATUS_OF.get(message.status, DiagnosisStatus.UNKNOWN),
        observations=tuple(map(_observation, message.observations)),
        is_truncated=message.is_truncated,
    )


def _observation(message: node_pb2.Observation) -> Observation:
    figures = tuple(Figure(figure.name, figure.value) for figure in message.figures)
    status = _STATUS_OF.get(message.status, DiagnosisStatus.UNKNOWN)
    return Observation(status, message.subject, message.text, figures)
