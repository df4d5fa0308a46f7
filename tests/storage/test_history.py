"""Earlier incidents of a node, a part or a fault class are found, told by their newest finished assessment."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.storage.given import NOW, READY, XID, Closing, Given, assessment, at, failed, finished, trigger

from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.entity import Entity, EntityKind, gpu, node
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.history import HistoryQuery, PastIncident
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.storage.actions import Actions, Step
from gcm_sentinel.storage.history import StoredHistory
from gcm_sentinel.storage.investigations import Investigations

PART = replace(gpu("gpu-7", index=3, uuid="GPU-aaaa"), serial="1654922004712")


class Past:
    """Writes incidents that were investigated."""

    def __init__(self, database) -> None:
        self._given = Given(database)
        self._investigations = Investigations(database)

    async def was(self, incident_id, *entities, seen=(), closed=None, fault_class=FaultClass.GPU_OFF_BUS) -> None:
        """One incident, investigated once."""
        await self._given.incident(incident_id, seen, closed=closed)
        await self.again(incident_id, 1, replace(finished(), assessment=assessment(*entities, fault_class=fault_class)))

    async def again(self, incident_id, revision, done) -> None:
        """One more investigation of it."""
        investigation_id = await self._given.investigation(incident_id, revision, "running")
        await self._investigations.finish(investigation_id, done)


@pytest.fixture
def past(database) -> Past:
    """What happened before."""
    return Past(database)


@pytest.fixture
def found(database):
    """The ids of the incidents that match."""

    async def found_(**asked) -> list[str]:
        query = HistoryQuery(**{"since": at(-1000), **asked})
        return [incident.incident_id for incident in await StoredHistory(database).past(query)]

    return found_


async def test_an_incident_is_told_by_its_assessment(past, database):
    closed = Closing(at(60), "recovered")
    await past.was("inc-1", PART, seen=[trigger(), trigger(kind=READY, minute=1)], closed=closed)

    told = await StoredHistory(database).past(HistoryQuery(since=NOW))

    assert told == (
        PastIncident(
            incident_id="inc-1",
            node="gpu-7",
            opened_at=NOW,
            closed_at=at(60),
            kinds=(XID, READY),
            fault_class="gpu_off_bus",
            severity=Severity.CRITICAL,
            confidence=0.9,
            summary="GPU 3 fell off the bus",
            action="drain",
            entities=(PART,),
            close_reason="recovered",
        ),
    )


async def test_the_newest_finished_assessment_tells(past, database):
    await past.was("inc-1", fault_class=FaultClass.INCONCLUSIVE)
    await past.again("inc-1", 2, replace(finished(), assessment=assessment(PART)))
    await past.again("inc-1", 3, failed())

    told = await StoredHistory(database).past(HistoryQuery(since=NOW))

    assert [(item.fault_class, item.entities) for item in told] == [("gpu_off_bus", (PART,))]


async def test_of_a_node_are_those_it_was_affected_by_or_named_in(past, found):
    await past.was("inc-own", seen=[trigger("gpu-1"), trigger("gpu-7", minute=1)])
    await past.was("inc-named", node("gpu-7"), seen=[trigger("gpu-2", minute=2)])
    await past.was("inc-part", PART, seen=[trigger("gpu-2", minute=3)])
    await past.was("inc-other", seen=[trigger("gpu-2", minute=4)])

    assert await found(node="gpu-7") == ["inc-part", "inc-named", "inc-own"]


@pytest.mark.parametrize("part", ["GPU-aaaa", "1654922004712"], ids=["uuid", "serial"])
async def test_of_a_part_are_those_that_named_it_wherever_it_was(part, past, found):
    await past.was("inc-here", PART)
    await past.was("inc-there", replace(PART, node="gpu-9", index=0), seen=[trigger("gpu-9", minute=1)])
    await past.was("inc-other", gpu("gpu-7", index=3, uuid="GPU-bbbb"), seen=[trigger(minute=2)])

    assert await found(part=part) == ["inc-there", "inc-here"]


async def test_a_part_that_only_a_trigger_named_is_found_too(past, found):
    await past.was("inc-1", seen=[trigger(gpu_uuid="GPU-aaaa")])
    await past.was("inc-2", seen=[trigger(minute=1, gpu_uuid="GPU-bbbb")])

    assert await found(part="GPU-aaaa") == ["inc-1"]


async def test_of_a_fault_class_are_those_last_found_to_be_it(past, found):
    await past.was("inc-1")
    await past.was("inc-2", seen=[trigger(minute=1)])
    await past.again("inc-2", 2, replace(finished(), assessment=assessment(fault_class=FaultClass.GSP_HANG)))

    assert await found(fault_class="gpu_off_bus") == ["inc-1"]
    assert await found(fault_class="gsp_hang") == ["inc-2"]


async def test_all_that_is_asked_narrows(past, found):
    await past.was("inc-1", PART)
    await past.was("inc-2", PART, seen=[trigger(minute=1)])

    assert await found(node="gpu-7", part="GPU-aaaa", fault_class="gpu_off_bus", excluding="inc-2") == ["inc-1"]
    assert await found(node="gpu-8", part="GPU-aaaa") == []


async def test_the_newest_come_first_and_no_more_than_asked_for(past, found):
    for minute in (2, 1, 3):
        await past.was(f"inc-{minute}", seen=[trigger(minute=minute)])

    assert await found(limit=2) == ["inc-3", "inc-2"]


async def test_what_was_over_by_then_is_left_out(past, found):
    await past.was("inc-over", closed=Closing(at(10)))
    await past.was("inc-ended-later", seen=[trigger(minute=1)], closed=Closing(at(30)))
    await past.was("inc-open", seen=[trigger(minute=2)])

    assert await found(since=at(20)) == ["inc-open", "inc-ended-later"]


async def test_what_has_no_assessment_or_was_merged_has_nothing_to_tell(past, found, database):
    await Given(database).incident("inc-running")
    await Given(database).investigation("inc-running", state="running")
    await past.was("inc-merged", closed=Closing(at(5), "merged", merged_into="inc-running"))

    assert await found() == []


async def test_actions_that_were_carried_out_are_told_in_order(past, database):
    await past.was("inc-1")
    actions = Actions(database)
    gpu, node = ActionTarget("gpu", "gpu3", "GPU-aaaa", "gpu-7"), ActionTarget("node", "gpu-7", "u-1")
    begun = (Operation.QUARANTINE_GPU, gpu, 9, ActionState.DONE), (Operation.CORDON_NODE, node, 5, ActionState.FAILED)
    for operation, target, minute, end in begun:
        record = ActionRecord(Order(operation, target, "inc-1", "inc-1.1"), "approve", at(minute))
        await actions.propose([record])
        for state in (ActionState.APPROVED, ActionState.RUNNING, ActionState.CARRIED, end):
            await actions.advance(record.id, Step(state, at(minute)))
    drain = Order(Operation.DRAIN_NODE, node, "inc-1", "inc-1.1")
    await actions.propose([ActionRecord(drain, "approve", at(6))])

    (told,) = await StoredHistory(database).past(HistoryQuery(since=NOW))

    assert told.actions_taken == (
        "cordon_node 2026-11-21T03:05:00+00:00 failed",
        "quarantine_gpu 2026-11-21T03:09:00+00:00 verified",
    )


async def test_every_way_to_name_a_culprit_comes_back(past, database):
    culprits = (node("gpu-7"), Entity(EntityKind.POD, "train/job-0", "gpu-7"), gpu("gpu-7", pci="0000:17:00"))
    await past.was("inc-1", *culprits)

    (told,) = await StoredHistory(database).past(HistoryQuery(since=NOW))

    assert told.entities == culprits
