"""The desk: where an engine asks for an action while it investigates. Nothing is done here, it is planned and ruled on.

To the engine it is a source like any other, so each request is a recorded step and its answer is evidence. A request
the gate refuses is answered with the reasons; one it does not refuse is noted with the exact calls it would send, and
waits for the assessment: only an assessment that was checked, and that advises the action, lets it go further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.errors import BadConfiguration, SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.gate import NEVER_IN_A_SCHEMA, Case, Ruling, Verdict, decide
from gcm_sentinel.domain.grounds import grounds
from gcm_sentinel.domain.modes import Effect, Mode, permits
from gcm_sentinel.domain.operations import DECLARED, TargetKind
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.remediation import Plan, RemediationTool
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.remediation.naming import by_uuid
from gcm_sentinel.remediation.proposals import SOURCE, changed_by, noted, proposed_before
from gcm_sentinel.remediation.survey import Surveyor, sighting_of

log = structlog.get_logger(__name__)


class Desk:
    """A `Datasource` of the acting modes whose tools propose."""

    name = SOURCE

    def __init__(
        self,
        tools: Sequence[RemediationTool],
        surveyor: Surveyor,
        policy: ActingPolicy,
        mode: Mode,
        redactor: Redactor | None = None,
    ) -> None:
        """Refuse to exist where the mode forbids to act, so that no wiring mistake can put a tool before a model.

        Raises:
            BadConfiguration: two tools have one name, a tool's name is not that of its operation, or the mode
                does not permit acting.
        """
        allowed = permits(mode, Effect.REMEDIATE)
        if not allowed.allowed:
            raise BadConfiguration(f"remediation tools: {allowed.reason}; use mode {Mode.APPROVE} or {Mode.EXECUTE}")
        self._tools = _by_name(tools, policy)
        self._surveyor = surveyor
        self._policy = policy
        self._mode = mode
        self._redactor = redactor or Redactor()

    async def is_available(self) -> Availability:
        """Always: what cannot be read is told per request."""
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """What an engine may ask for; what only undoes is not among it."""
        return tuple(tool.spec for tool in self._tools.values())

    def get_system_prompt_section(self) -> str:
        """Nothing: the mode's own part of the prompt says how to use them."""
        return ""

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Plan what `call` asks for and put it before the gate."""
        tool = self._tools.get(call.name)
        if tool is None:
            return _refused(call, f"there is no action {call.name!r} here; there are {', '.join(self._tools)}")
        try:
            shown = replace(scope, gathered=grounds(scope.gathered))
            plan = await tool.plan(self._named(call, tool, shown), shown)
            before = proposed_before(plan.order, scope.gathered)
            if before:
                return _refused(call, f"{before} proposed the same already: it waits for your assessment")
            if masked := changed_by(self._redactor, plan.order):
                log.error("action.not_proposed", order=plan.order.key, reason="it would be masked", where=masked)
                return _refused(call, f"its {masked} looks like a secret, which is never stored: a person has to do it")
            ruling, said = await self._rule(plan, scope)
        except ValueError as error:
            return _refused(call, str(error))
        except SentinelError as error:
            return _refused(call, f"it cannot be planned: {error}")
        fields = {"operation": str(plan.order.operation), "target": plan.order.target.name, "reason": ruling.reason}
        if ruling.verdict is Verdict.REFUSED:
            log.warning("action.refused", **fields)
            return _refused(call, ruling.reason)
        log.info("action.proposed", **fields)
        return noted(replace(plan, notes=(*plan.notes, *said)), ruling)

    def _named(self, call: ToolCall, tool: RemediationTool, scope: Scope) -> ToolCall:
        """`call`, clean, and about one exact GPU where it is about one."""
        cleaned = self._clean(call)
        return by_uuid(cleaned, scope) if DECLARED[tool.operation].target is TargetKind.GPU else cleaned

    def _clean(self, call: ToolCall) -> ToolCall:
        """`call` with a reason that no mask will change any more: it may stand in the order's requests."""
        why = call.arguments.get("reason")
        cleaned = {"reason": self._redactor.text(why)} if isinstance(why, str) else {}
        return replace(call, arguments={**call.arguments, **cleaned})

    async def _rule(self, plan: Plan, scope: Scope) -> tuple[Ruling, tuple[str, ...]]:
        """The ruling, and what the dry run said that a person must know."""
        case = Case(
            order=plan.order,
            mode=self._mode,
            policy=self._policy,
            scope=scope.incident.affected,
            sighting=sighting_of(plan.order, scope),
            world=await self._surveyor.of(plan, scope.incident),
        )
        case = await self._surveyor.tried(case)
        ruling = decide(case)
        await self._surveyor.heed(case, ruling)
        return ruling, case.world.dry_run.notes


def _refused(call: ToolCall, reason: str) -> ToolResult:
    """Refused, in words the engine can act on; nothing was observed."""
    return ToolResult(ResultStatus.ERROR, query=call.name, note=f"Refused: {reason}. Nothing was or will be done.")


def _by_name(tools: Sequence[RemediationTool], policy: ActingPolicy) -> dict[str, RemediationTool]:
    found: dict[str, RemediationTool] = {}
    for tool in tools:
        if tool.spec.name != str(tool.operation) or tool.spec.name in found:
            raise BadConfiguration(f"the tool {tool.spec.name!r} is not, or not alone, the tool of {tool.operation}")
        found[tool.spec.name] = tool
    offered = policy.operations - NEVER_IN_A_SCHEMA
    return {name: tool for name, tool in found.items() if tool.operation in offered}
