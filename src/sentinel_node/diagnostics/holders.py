"""The check `processes`: who holds each GPU. Names and numbers only; what a process was started with is never read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sentinel_node.diagnostics.machine import Machine, subject_of
from sentinel_node.domain.containers import container_of
from sentinel_node.domain.diagnosis import Observation, Status, figures
from sentinel_node.domain.processes import HostProcess
from sentinel_node.domain.telemetry import GpuSample

_STUCK, _DEAD = "D", "Z"


def check(machine: Machine) -> tuple[Observation, ...]:
    """Name the processes that compute on each GPU."""
    samples = machine.driver.samples()
    pids = tuple(sorted({pid for sample in samples for pid in sample.compute_processes or ()}))
    return holder_observations(samples, machine.processes(pids))


def holder_observations(samples: Sequence[GpuSample], processes: Sequence[HostProcess]) -> tuple[Observation, ...]:
    """One for each process on each GPU, and one for each GPU without any."""
    known = {process.pid: process for process in processes}
    found = [observation for sample in samples for observation in _of_gpu(sample, known)]
    return tuple(found) or (Observation(Status.UNKNOWN, "node", "The driver lists no GPU."),)


def _of_gpu(sample: GpuSample, known: Mapping[int, HostProcess]) -> list[Observation]:
    subject = subject_of(sample.gpu)
    if sample.lost:
        return [Observation(Status.UNKNOWN, subject, f"The driver has lost it: {sample.lost}.")]
    if sample.compute_processes is None:
        text = "The driver does not tell which processes compute on it."
        return [Observation(Status.UNKNOWN, subject, text, figures(index=sample.gpu.index))]
    if not sample.compute_processes:
        return [Observation(Status.OK, subject, "No process computes on it.", figures(index=sample.gpu.index))]
    return [_holder(subject, pid, known.get(pid)) for pid in sample.compute_processes]


def _holder(subject: str, pid: int, process: HostProcess | None) -> Observation:
    if process is None:
        text = (
            f"Process {pid} holds it, but is not seen here: it has ended, or this agent does not share the host's PIDs."
        )
        return Observation(Status.UNKNOWN, subject, text, figures(pid=pid))
    container = container_of(process.cgroup)
    told = figures(
        pid=pid,
        name=process.name,
        user_id=process.user_id,
        state=process.state or None,
        started_unix_s=process.started_unix_ns // 1_000_000_000 or None,
        pod_uid=container.pod_uid or None,
        container_id=container.container_id or None,
    )
    if process.state == _DEAD:
        return Observation(Status.BAD, subject, f"Process {pid} is dead and still holds it.", told)
    if process.state == _STUCK:
        return Observation(
            Status.WARNING, subject, f"Process {pid} waits in the kernel and cannot be killed now.", told
        )
    return Observation(Status.OK, subject, f"Process {pid} ({process.name}) computes on it.", told)
