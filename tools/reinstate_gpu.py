"""Gives a GPU back to production that we took out by a directive at the SENTINEL gateway.

No model may ask for it: it undoes `quarantine_gpu`, and a person may order it. What the gateway suspected when it was
taken out comes back as a suspect.
"""

from __future__ import annotations

from gcm_sentinel.domain.gpu_health import GpuState
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.tools.context import ToolContext
from gcm_sentinel.tools.directives import Directing, DirectiveTool, offered

DIRECTING = Directing(
    operation=Operation.REINSTATE_GPU,
    action="REINSTATE",
    description="Give one GPU back to production at the SENTINEL gateway.",
    takes=frozenset({GpuState.SUSPECT, GpuState.QUARANTINED, GpuState.DEEP_TEST}),
    reached=frozenset({GpuState.HEALTHY, GpuState.SUSPECT}),
    undo=(Operation.QUARANTINE_GPU, "QUARANTINE"),
)


def build(context: ToolContext) -> DirectiveTool | None:
    """The entry point; None without a gateway."""
    return offered(DIRECTING, context)
