"""What is captured before an action, and when that is enough."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.acting_tools.conftest import NODE, FixedClock

from gcm_sentinel.app.life.gathering import ToolboxGatherer
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.domain.protocols import Availability
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ToolSpec
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.remediation.capture import NEEDED, WANTED, Capture
from gcm_sentinel.storage.memory import MemoryEvidenceStore

SECRET = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.c2VjcmV0.c2lnbmF0dXJl"


@dataclass
class Source:
    """Tools that look; those in `broken` do not."""

    tools: tuple[str, ...] = (*NEEDED, *WANTED)
    broken: dict[str, ResultStatus] = field(default_factory=dict)
    name: str = "node"

    async def is_available(self):
        return Availability(usable=True)

    def get_tools(self):
        return tuple(ToolSpec(tool, "", {}) for tool in self.tools)

    def get_system_prompt_section(self):
        return ""

    async def execute(self, call, scope):
        status = self.broken.get(call.name, ResultStatus.OK)
        if status is ResultStatus.ERROR:
            raise Unreachable("the node does not answer")
        return ToolResult(status, f"{call.name} {call.arguments['node_name']}", raw=SECRET)


class Captured:
    """An operation's capture over a source, and what it stored."""

    def __init__(self, source, store, scope):
        toolbox = Toolbox([source], store, FixedClock(), redactor=Redactor())
        self._capture, self._store, self._scope = Capture(ToolboxGatherer(toolbox), store), store, scope

    async def before(self, operation=Operation.REBOOT_NODE):
        order = Order(operation, ActionTarget("node", NODE, "uid"), "inc-1", "inc-1.1")
        return await self._capture.before(order, self._scope, Unrecorded())

    @property
    async def kept(self):
        return await self._store.all("inc-1.1")


@pytest.fixture
def captured(place):
    return lambda source: Captured(source, MemoryEvidenceStore(), place.scope())


async def test_every_source_that_is_there_is_asked_about_the_node(captured):
    made = captured(Source())

    assert await made.before()
    assert [item.id for item in await made.kept] == [f"Cb02d50-{number}" for number in range(1, 8)]
    assert {item.result.query.split()[1] for item in await made.kept} == {NODE}


async def test_secrets_are_removed_from_what_is_captured(captured):
    made = captured(Source())
    await made.before()

    assert all("c2VjcmV0" not in item.result.raw for item in await made.kept)


async def test_a_second_action_replaces_nothing_that_the_first_captured(captured):
    made = captured(Source())
    await made.before(Operation.RESET_GPU)
    first = await made.kept

    await made.before()

    assert (await made.kept)[: len(first)] == first
    assert len(await made.kept) == 2 * len(first)


async def test_two_orders_captured_at_once_share_no_name(captured):
    made = captured(Source())

    await asyncio.gather(made.before(Operation.RESET_GPU), made.before(Operation.REBOOT_NODE))

    assert len(await made.kept) == 2 * (len(NEEDED) + len(WANTED))


async def test_the_same_order_captured_again_keeps_what_was_captured_first(captured):
    made = captured(Source())
    await made.before()
    await made.before()

    assert len(await made.kept) == 2 * (len(NEEDED) + len(WANTED))


@pytest.mark.parametrize("status", [ResultStatus.ERROR, ResultStatus.UNAVAILABLE])
@pytest.mark.parametrize(("tool", "enough"), [*((tool, False) for tool in NEEDED), *((tool, True) for tool in WANTED)])
async def test_the_node_and_its_events_must_be_read_the_rest_where_it_can(captured, tool, enough, status):
    made = captured(Source(broken={tool: status}))

    assert await made.before() is enough
    assert len(await made.kept) == len(NEEDED) + len(WANTED)


async def test_an_agent_without_eyes_has_captured_nothing(captured):
    assert not await captured(Source(tools=WANTED)).before()
