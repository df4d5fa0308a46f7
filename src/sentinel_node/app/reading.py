"""What the reading commands read, each from the same seams as the service."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sentinel_node.app.loading import load
from sentinel_node.app.machine import Seams, seams_of
from sentinel_node.domain.diagnosis import Diagnosis
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.kernel import KernelPage, KernelQuery
from sentinel_node.domain.seams import DiagnosticName, Diagnostics
from sentinel_node.domain.telemetry import GpuSample

_HOUR_NS = 3600 * 10**9


def samples(config_file: Path | None) -> tuple[GpuSample, ...]:
    """Every GPU now."""
    with _seams(config_file) as seams:
        return seams.telemetry.samples()


def lines(config_file: Path | None, since_hours: float, contains: tuple[str, ...], limit: int) -> KernelPage:
    """The newest lines."""
    since = max(0, time.time_ns() - int(since_hours * _HOUR_NS))
    with _seams(config_file) as seams:
        return seams.kernel_log.read(KernelQuery(since, contains=contains, limit=limit))


def diagnostic_names(config_file: Path | None) -> tuple[DiagnosticName, ...]:
    """What can be asked."""
    with _seams(config_file) as seams:
        return _diagnostics(seams).names()


def diagnosis(config_file: Path | None, name: str) -> Diagnosis:
    """The answer to one question."""
    with _seams(config_file) as seams:
        return _diagnostics(seams).diagnose(name)


@contextmanager
def _seams(config_file: Path | None) -> Iterator[Seams]:
    settings = load(os.environ, file=config_file)
    with ExitStack() as opened:
        yield seams_of(settings, opened)


def _diagnostics(seams: Seams) -> Diagnostics:
    if seams.diagnostics is None:
        raise Unavailable("GPUs in software have no diagnostics")
    return seams.diagnostics
