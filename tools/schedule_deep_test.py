"""Begins the deep test of a quarantined GPU by a directive at the SENTINEL gateway."""

from __future__ import annotations

from gcm_sentinel.domain.gpu_health import GpuState
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.tools.context import ToolContext
from gcm_sentinel.tools.directives import Directing, DirectiveTool, offered

DIRECTING = Directing(
    operation=Operation.SCHEDULE_DEEP_TEST,
    action="SCHEDULE_DEEP_TEST",
    description="Propose the deep test of one GPU that the SENTINEL gateway has in quarantine.",
    takes=frozenset({GpuState.QUARANTINED}),
    reached=frozenset({GpuState.DEEP_TEST, GpuState.CONDEMNED}),
)


def build(context: ToolContext) -> DirectiveTool | None:
    """The entry point; None without a gateway."""
    return offered(DIRECTING, context)
