"""Gives a GPU up for good by a directive at the SENTINEL gateway; a person here and one there have to agree."""

from __future__ import annotations

from gcm_sentinel.domain.gpu_health import GpuState
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.tools.context import ToolContext
from gcm_sentinel.tools.directives import Directing, DirectiveTool, offered

DIRECTING = Directing(
    operation=Operation.CONDEMN_GPU,
    action="CONDEMN",
    description="Propose to give one GPU up for good at the SENTINEL gateway. Nothing undoes it; people always decide.",
    takes=frozenset({GpuState.HEALTHY, GpuState.SUSPECT, GpuState.QUARANTINED, GpuState.DEEP_TEST}),
    reached=frozenset({GpuState.CONDEMNED}),
)


def build(context: ToolContext) -> DirectiveTool | None:
    """The entry point; None without a gateway."""
    return offered(DIRECTING, context)
