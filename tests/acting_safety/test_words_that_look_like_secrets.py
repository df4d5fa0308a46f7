"""An order survives the removal of secrets, whatever a model gives as its reason; what cannot is refused aloud."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.acting_safety.conftest import NODE, Yard, sighting

from gcm_sentinel.domain.evidence import Evidence, ToolResult
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.remediation import Plan, RemediationTool
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.remediation.desk import Desk
from gcm_sentinel.remediation.proposals import SOURCE, proposals
from gcm_sentinel.remediation.survey import Surveyor

SECRET_LOOKING = "checksum token: mismatch on SM 17"


@dataclass
class Wordy:
    """A cordon whose request holds the reason, as a directive's does."""

    real: RemediationTool
    operation: Operation = Operation.CORDON_NODE

    @property
    def spec(self) -> ToolSpec:
        return self.real.spec

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        plan = await self.real.plan(call, scope)
        (sent,) = plan.order.calls
        assert isinstance(sent.body, dict)
        sent = replace(sent, body={**sent.body, "reason": call.arguments["reason"]})
        return replace(plan, order=replace(plan.order, calls=(sent,)))


async def asked(yard: Yard, redactor: Redactor, reason: str) -> tuple[ToolResult, list[Evidence]]:
    """The desk's answer, and the evidence as it is stored."""
    incident = await yard.investigated()
    tool: Any = Wordy(yard.acting.executor._tool((await yard.ask(incident, NODE)).order))
    surveyor = Surveyor(yard.client, yard.stores.actions, yard.clock)
    desk = Desk((tool,), surveyor, yard.policy, yard.mode, redactor)
    scope = Scope(incident, (sighting(NODE, yard.clock.now()),))
    answer = await desk.execute(ToolCall("c", "cordon_node", {"node_name": NODE, "reason": reason}), scope)
    stored = replace(answer, summary=redactor.object(answer.summary))
    return answer, [Evidence("E3", SOURCE, "cordon_node", {}, stored, yard.clock.now(), "d")]


async def test_a_reason_that_looks_like_a_secret_drops_no_order(yard):
    _, stored = await asked(yard, Redactor(), SECRET_LOOKING)

    (order,) = proposals(stored)
    assert "checksum token: [redacted]" in str(order.calls[0])


async def test_an_order_that_would_be_masked_is_refused_aloud(yard):
    with capture_logs() as logs:
        answer, stored = await asked(yard, Redactor((re.compile(NODE),)), "unfit")

    assert "looks like a secret" in answer.note
    assert "action.not_proposed" in [line["event"] for line in logs]
    assert proposals(stored) == ()


@pytest.mark.parametrize("changed", [{"digest": "0" * 64}, {"digest": None}])
async def test_an_order_that_was_changed_after_it_was_noted_leaves_a_line_in_the_log(yard, changed):
    _, (stored,) = await asked(yard, Redactor(), "unfit")
    summary = {**stored.result.summary, **changed}

    with capture_logs() as logs:
        assert proposals([replace(stored, result=replace(stored.result, summary=summary))]) == ()

    assert [line["event"] for line in logs] == ["action.proposal_changed"]
