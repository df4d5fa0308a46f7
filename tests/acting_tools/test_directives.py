"""The gateway's tools issue one directive about one GPU, once, and believe only what a real gateway says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.acting_tools.conftest import NODE, FixedClock, Place
from tests.sentinel_gateway.driving import GPU, Client, batch, execution, neighbours
from tests.sentinel_gateway.driving import settings as gateway_settings

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.guarded_gateway import GuardedGateway
from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.domain.errors import Refused, Rejected, Unreachable
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult
from gcm_sentinel.domain.gpu_health import GpuState
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, ApiCall, Order
from gcm_sentinel.domain.remediation import Carried, Plan, RemediationTool
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.remediation.elsewhere import Others
from gcm_sentinel.remediation.hands import ExactHands
from gcm_sentinel.tools import condemn_gpu, quarantine_gpu, reinstate_gpu, schedule_deep_test
from gcm_sentinel.tools.context import ToolContext
from sentinel.ext.v1 import directives_pb2
from sentinel.v1.probe_pb2 import ProbeExecution, ProbeResultBatch
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.domain.access import token_digest

ALL = (quarantine_gpu, reinstate_gpu, condemn_gpu, schedule_deep_test)
SEEN = ToolResult(ResultStatus.OK, "q", entities=(gpu(NODE, index=0, uuid=GPU),))
SHOWN = (Evidence("E3", "sentinel", "get_sentinel_gpu_health", {}, SEEN, datetime(2026, 11, 20, tzinfo=UTC), "d"),)


@dataclass
class Lossy:
    """A gateway whose first answers do not arrive."""

    client: SentinelGateway
    lost: int = 1

    async def carry_out(self, *call: Any, **circumstances: Any) -> Any:
        answer = await self.client.carry_out(*call, **circumstances)
        self.lost -= 1
        if self.lost >= 0:
            raise Unreachable("the answer was lost")
        return answer


@dataclass
class Site:
    """A cluster, a real gateway that knows one GPU of its node, and an agent between them."""

    place: Place
    client: SentinelGateway
    wire: Client
    lossy: Lossy | None = None

    @property
    def context(self) -> ToolContext:
        return replace(self.place.context, gateway=self.client)

    async def plan(self, tool: RemediationTool, *scope: str, **arguments: Any) -> Plan:
        asked = {"gpu_uuid": GPU, "node_name": NODE, "reason": "SM 17 computes wrong", **arguments}
        return await tool.plan(ToolCall("c", str(tool.operation), asked), self.place.scope(*scope, gathered=SHOWN))

    async def carry_out(self, tool: RemediationTool, order: Order) -> Carried:
        writer = GuardedWriter(self.place.client, self.place.mode)
        others = Others(GuardedGateway(self.lossy or self.client, self.place.mode))

        async def sleep(seconds: float) -> None:
            self.place.slept.append(seconds)

        hands = ExactHands(order, (self.place.client, writer), Unrecorded(), FixedClock(), sleep=sleep, others=others)
        return await tool.carry_out(order, hands)

    def tool(self, module: Any) -> RemediationTool:
        found: RemediationTool | None = module.build(self.context)
        assert found is not None
        return found

    async def do(self, module: Any) -> tuple[RemediationTool, Order, Carried]:
        tool = self.tool(module)
        order = (await self.plan(tool)).order
        return tool, order, await self.carry_out(tool, order)

    @property
    async def state(self) -> GpuState:
        health = await self.client.gpu(GPU)
        assert health is not None
        return health.state


@asynccontextmanager
async def served(place: Place, folder: Path, token: str = "") -> AsyncIterator[Site]:
    """A site; the agent may do everything, or what a responder may where it has a token."""
    holders = [{"name": "gcm-sentinel", "sha256": token_digest(token), "roles": ["responder"]}] if token else []
    async with running_gateway(gateway_settings(folder, {"access": {"tokens": holders}})) as running:
        endpoint = f"127.0.0.1:{running.grpc_port}"
        async with grpc.aio.insecure_channel(endpoint) as channel:
            wire = Client(channel)
            assert (await wire.report(_on_node(execution(), *neighbours()))).accepted
            client = SentinelGateway(Access(endpoint, plaintext=True, token=token))
            yield Site(place, client, wire)
            await client.aclose()


@pytest.fixture
async def site(place, tmp_path) -> AsyncIterator[Site]:
    async with served(place, tmp_path / "gateway") as site:
        yield site


async def test_a_plan_shows_the_directive_and_changes_nothing(site):
    plan = await site.plan(site.tool(quarantine_gpu))

    assert [str(call) for call in plan.order.calls] == [
        f'CALL sentinel.v1.QuarantineService/IssueDirective {{"action":"QUARANTINE","evidence":["inc-1.1/E3"],'
        f'"gpu_uuid":"{GPU}","reason":"inc-1: SM 17 computes wrong"}}'
    ]
    assert (plan.order.target.kind, plan.order.target.uid, plan.order.target.node) == ("gpu", GPU, NODE)
    assert await site.state is GpuState.HEALTHY


async def test_planned_again_with_more_evidence_it_is_the_same_order(site):
    tool = site.tool(quarantine_gpu)
    first = (await site.plan(tool)).order
    call = ToolCall("again", "quarantine_gpu", {"gpu_uuid": GPU, **first.arguments, "reason": first.reason})

    again = await tool.plan(call, site.place.scope(gathered=(*SHOWN, replace(SHOWN[0], id="C1"))))

    assert again.order.digest == first.digest


async def test_a_quarantine_is_done_when_the_gateway_reports_it(site):
    tool, order, carried = await site.do(quarantine_gpu)

    check = await tool.check(order, carried)

    assert (check.met, check.words) == (True, "the gateway reports the GPU QUARANTINED")
    assert carried.facts["directive_id"] == order.handle


async def test_sent_again_it_is_answered_as_before(site):
    tool, order, carried = await site.do(quarantine_gpu)

    again = await site.carry_out(tool, order)

    records = (await site.wire.directives.ListDirectives(_all())).directives
    assert (again.facts, len(records)) == (carried.facts, 1)


async def test_a_lost_answer_costs_no_second_directive(site):
    site.lossy = Lossy(site.client)

    await site.do(quarantine_gpu)

    assert site.place.slept == [5.0]
    assert len((await site.wire.directives.ListDirectives(_all())).directives) == 1


async def test_what_is_undone_is_only_our_own_quarantine(site):
    tool, order, carried = await site.do(quarantine_gpu)
    back = await tool.undo(order, carried)
    assert back is not None
    reinstate = site.tool(reinstate_gpu)

    await site.carry_out(reinstate, back)

    assert (await reinstate.check(back, carried)).met
    assert await tool.undo(order, carried) is None


async def test_a_suspect_that_a_responder_gives_back_is_a_suspect_again(place, tmp_path):
    async with served(place, tmp_path / "gateway", "secret") as site:
        failures = [execution(2, execution_id=f"f-{age_s}", age_s=age_s) for age_s in (30, 0)]
        await site.wire.report(_on_node(*failures, sequence=2))
        assert await site.state is GpuState.SUSPECT
        tool, order, carried = await site.do(quarantine_gpu)
        back = await tool.undo(order, carried)
        assert back is not None
        reinstate = site.tool(reinstate_gpu)

        await site.carry_out(reinstate, back)

        assert (await reinstate.check(back, carried)).words == "the gateway reports the GPU SUSPECT"
        assert (await reinstate.check(back, carried)).met


async def test_a_condemnation_waits_for_the_gateways_own_approval(site):
    tool, order, carried = await site.do(condemn_gpu)

    check = await tool.check(order, carried)

    assert (check.met, check.hopeless) == (False, False)
    assert check.words.startswith("waits for an approval at the gateway until ")
    assert await site.state is GpuState.HEALTHY


async def test_one_that_is_approved_there_is_done(site):
    tool, order, carried = await site.do(condemn_gpu)

    await site.wire.directives.DecideDirective(_decide(order, approve=True))

    assert (await tool.check(order, carried)).met


async def test_one_that_is_denied_there_is_not_waited_for(site):
    tool, order, carried = await site.do(condemn_gpu)

    await site.wire.directives.DecideDirective(_decide(order, approve=False))

    check = await tool.check(order, carried)
    assert check.hopeless
    assert check.words.startswith("the directive was denied at the gateway: denied by anonymous")
    assert await tool.undo(order, carried) is None


async def test_one_that_still_waits_is_taken_back(site):
    tool, order, carried = await site.do(condemn_gpu)
    back = await tool.undo(order, carried)
    assert back is not None

    await site.carry_out(tool, back)

    assert (await tool.check(back, carried)).words == "the directive is withdrawn at the gateway"
    assert (await tool.check(back, carried)).met


async def test_a_deep_test_is_for_a_gpu_in_quarantine(site):
    with pytest.raises(ValueError, match="is HEALTHY; SCHEDULE_DEEP_TEST is for one that is QUARANTINED"):
        await site.plan(site.tool(schedule_deep_test))
    await site.do(quarantine_gpu)

    tool, order, carried = await site.do(schedule_deep_test)

    assert (await tool.check(order, carried)).words == "the gateway reports the GPU DEEP_TEST"


async def test_a_state_that_changed_meanwhile_refuses_it(site):
    tool = site.tool(quarantine_gpu)
    order = (await site.plan(tool)).order
    await site.wire.issue(1)

    with pytest.raises(Rejected, match="QUARANTINED cannot be given QUARANTINE"):
        await site.carry_out(tool, order)


@pytest.mark.parametrize(
    ("scope", "arguments", "words"),
    [
        ((NODE,), {"gpu_uuid": "GPU-unknown"}, "knows no GPU GPU-unknown"),
        (("gpu-node-10",), {}, "which this incident is not about"),
        ((NODE,), {"node_name": "gpu-node-10"}, "is in node gpu-node-1, not in 'gpu-node-10'"),
        ((NODE,), {"gpu_uuid": "gpu 3"}, "is no UUID of a GPU"),
    ],
)
async def test_the_gateway_says_where_a_gpu_is(site, scope, arguments, words):
    with pytest.raises(ValueError, match=words):
        await site.plan(site.tool(quarantine_gpu), *scope, **arguments)


async def test_a_mode_that_does_not_act_calls_nothing(site):
    site.place.mode = Mode.ANNOTATE

    with pytest.raises(Refused, match="mode annotate does not permit remediate"):
        await site.do(quarantine_gpu)
    assert await site.state is GpuState.HEALTHY


async def test_only_the_two_methods_of_directives_are_called(site):
    with pytest.raises(Refused, match="is no call this agent makes"):
        await site.client.carry_out(
            "sentinel.v1.ConfigService/ApplyConfig", {}, directive_id="x", at=FixedClock().now()
        )


async def test_without_a_gateway_nothing_is_sent(place):
    target, call = ActionTarget("gpu", GPU, GPU, NODE), ApiCall("CALL", "m", {})
    order = Order(Operation.QUARANTINE_GPU, target, "inc-1", "inc-1.1", calls=(call,))

    with pytest.raises(Refused, match="no SENTINEL gateway is configured"):
        await place.hands(order).send(call)


@pytest.mark.parametrize("module", ALL, ids=lambda module: module.__name__.rpartition(".")[2])
def test_without_a_gateway_its_tools_are_not_offered(place, module):
    assert module.build(place.context) is None


def _on_node(*executions: ProbeExecution, sequence: int = 1) -> ProbeResultBatch:
    for one in executions:
        one.sm.gpu.hostname = NODE
    return batch(*executions, sequence=sequence, host=NODE)


def _all():
    return directives_pb2.ListDirectivesRequest()


def _decide(order, *, approve):
    return directives_pb2.DecideDirectiveRequest(directive_id=order.handle, approve=approve)
