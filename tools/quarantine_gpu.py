"""Takes one GPU out of production by a directive at the SENTINEL gateway; its siblings go on working."""

from __future__ import annotations

from gcm_sentinel.domain.gpu_health import GpuState
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.tools.context import ToolContext
from gcm_sentinel.tools.directives import Directing, DirectiveTool, offered

DIRECTING = Directing(
    operation=Operation.QUARANTINE_GPU,
    action="QUARANTINE",
    description="Propose to take one GPU out of production at the SENTINEL gateway. Its siblings go on working.",
    takes=frozenset({GpuState.HEALTHY, GpuState.SUSPECT}),
    reached=frozenset({GpuState.QUARANTINED, GpuState.DEEP_TEST, GpuState.CONDEMNED}),
    undo=(Operation.REINSTATE_GPU, "REINSTATE"),
)


def build(context: ToolContext) -> DirectiveTool | None:
    """The entry point; None without a gateway."""
    return offered(DIRECTING, context)
