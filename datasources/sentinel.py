"""The `sentinel` source: what a SENTINEL gateway knows of silent data corruption on the node's GPUs.

A source that is not configured offers no tools: five that answer "not configured" would cost every investigation their
description and tempt a model to ask. `doctor` still lists it with how to turn it on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gcm_sentinel.datasources import sentinel_tools
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.sentinel_asking import Asked, Asking
from gcm_sentinel.datasources.sentinel_gpus import ENABLE, OFF
from gcm_sentinel.datasources.tool_calls import failed, node_name, of_error, within
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

_LOOK = 4.0
"""Seconds a look at whether the gateway answers may take."""


def build(context: SourceContext) -> Datasource:
    """The SENTINEL source; it says it is off when no gateway is configured."""
    return SentinelSource(context)


class SentinelSource:
    """GPU health by exact probes."""

    def __init__(self, context: SourceContext) -> None:
        self._gateway = context.sentinel
        self._clock = context.clock
        self._deadline = context.call_timeout.total_seconds()

    @property
    def name(self) -> str:
        """``sentinel``."""
        return "sentinel"

    async def is_available(self) -> Availability:
        """Whether a gateway is configured, answers, and lets us read."""
        if self._gateway is None:
            return Availability(usable=False, reason=OFF, how_to_enable=ENABLE)
        try:
            async with within(_LOOK, "the SENTINEL gateway"):
                await self._gateway.may_read()
        except SentinelError as error:
            return Availability(usable=False, reason=str(error), how_to_enable=ENABLE, broken=True)
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """Five tools, or none where no gateway is configured."""
        return sentinel_tools.SPECS if self._gateway is not None else ()

    def get_system_prompt_section(self) -> str:
        """How to read what it returns; nothing where it is off."""
        if self._gateway is None:
            return ""
        return (
            "`get_sentinel_gpu_health` shows which SM of which GPU computes wrong results;"
            " `compare_sentinel_gpus` whether it is that GPU's, its firmware's or everybody's."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Ask the gateway."""
        if self._gateway is None:
            note = f"{OFF}, so silent data corruption could not be checked. {ENABLE}"
            return ToolResult(ResultStatus.UNAVAILABLE, call.name, note=note)
        question = _QUESTIONS.get(call.name)
        if question is None:
            return failed(call.name, f"the sentinel source has no tool {call.name!r}")
        try:
            asked = question(Asking(self._gateway, self._clock.now()), call, scope)
        except ValueError as error:
            return failed(call.name, str(error))
        try:
            async with within(self._deadline, "the SENTINEL gateway"):
                return await asked.read()
        except SentinelError as error:
            return of_error(asked.query, error, enable=ENABLE)


def _health(asking: Asking, call: ToolCall, scope: Scope) -> Asked:
    node, uuid = node_name(call, scope), sentinel_tools.gpu_uuid(call)
    return asking.health_of(uuid) if uuid else asking.health_on(node)


def _comparison(asking: Asking, call: ToolCall, scope: Scope) -> Asked:
    return asking.comparison(node_name(call, scope))


def _history(asking: Asking, call: ToolCall, scope: Scope) -> Asked:
    node, uuid = node_name(call, scope), sentinel_tools.gpu_or_incident(call, scope)
    if not uuid:
        raise ValueError(f"name the GPU by its UUID in 'gpu'; get_sentinel_gpu_health lists those of {node}")
    return asking.history(uuid, sentinel_tools.days(call, sentinel_tools.HISTORY_DAYS))


def _correlations(asking: Asking, call: ToolCall, scope: Scope) -> Asked:
    node, uuid = node_name(call, scope), sentinel_tools.gpu_or_incident(call, scope)
    return asking.correlations(uuid, node, sentinel_tools.days(call, sentinel_tools.CORRELATION_DAYS))


def _trust(asking: Asking, call: ToolCall, scope: Scope) -> Asked:
    return asking.trust(node_name(call, scope))


_QUESTIONS: Mapping[str, Callable[[Asking, ToolCall, Scope], Asked]] = {
    sentinel_tools.HEALTH.name: _health,
    sentinel_tools.COMPARE.name: _comparison,
    sentinel_tools.HISTORY.name: _history,
    sentinel_tools.CORRELATIONS.name: _correlations,
    sentinel_tools.TRUST.name: _trust,
}
