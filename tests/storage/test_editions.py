"""What becomes of an action is owed to every sink, with the change itself, as another edition of the assessment."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.storage.given import Given, at, finished
from tests.storage.test_actions import CORDON

from gcm_sentinel.domain.action_record import ActionState, Approval
from gcm_sentinel.domain.incident_record import DeliveryState
from gcm_sentinel.storage.actions import Actions, Step
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.investigations import Investigations

OWED, DELIVERED = DeliveryState.OWED, DeliveryState.DELIVERED
PROPOSED, WAITING, APPROVED = ActionState.PROPOSED, ActionState.WAITING, ActionState.APPROVED
RUNNING, CARRIED, DONE = ActionState.RUNNING, ActionState.CARRIED, ActionState.DONE


def nothing(_abroad):
    """Objects to nothing."""
    return ""


@pytest.fixture
async def deliveries(database) -> Deliveries:
    """An assessment with a proposal, delivered to one sink and given up at another."""
    given = Given(database)
    await given.incident()
    await given.investigation(state="running")
    done = replace(finished(notifiers=("webhook", "slack")), actions=(CORDON,))
    await Investigations(database).finish("inc-1.1", done)
    deliveries = Deliveries(database)
    await deliveries.delivered("inc-1.1", "webhook", at(1))
    await deliveries.given_up("inc-1.1", "slack", "404")
    return deliveries


@pytest.fixture
def actions(database) -> Actions:
    return Actions(database)


async def standing(deliveries) -> list[tuple[str, int, DeliveryState, int]]:
    """Sink, edition, state and attempts of both."""
    records = [await deliveries.get("inc-1.1", name) for name in ("webhook", "slack")]
    return [(item.notifier, item.edition, item.state, item.attempts) for item in records]


async def test_the_assessment_is_the_first_edition(deliveries):
    assert [edition for _, edition, _, _ in await standing(deliveries)] == [1, 1]


async def test_what_people_must_know_is_owed_again_to_every_sink(deliveries, actions):
    await actions.advance(CORDON.id, Step(WAITING, at(2)))

    assert await standing(deliveries) == [("webhook", 2, OWED, 0), ("slack", 2, OWED, 0)]
    assert {item.owed_at for item in await deliveries.owed(at(9))} == {at(2)}


async def test_its_whole_life_is_told_where_somebody_must_know(deliveries, actions):
    await actions.advance(CORDON.id, Step(WAITING, at(2)))
    await actions.advance(CORDON.id, Step(APPROVED, at(3)))
    await actions.begin(CORDON.id, Step(RUNNING, at(4), executor="a"), at(-60), nothing)
    await actions.advance(CORDON.id, Step(CARRIED, at(5)))
    assert (await deliveries.get("inc-1.1", "webhook")).edition == 2

    await actions.advance(CORDON.id, Step(DONE, at(6)))
    assert (await deliveries.get("inc-1.1", "webhook")).edition == 3


async def test_a_change_that_does_not_happen_tells_nothing(deliveries, actions):
    for _ in range(3):
        await actions.advance(CORDON.id, Step(WAITING, at(2)))
        await actions.advance(CORDON.id, Step(DONE, at(2)))

    assert (await deliveries.get("inc-1.1", "webhook")).edition == 2


async def test_other_investigations_are_left_alone(deliveries, actions, database):
    await Given(database).investigation(revision=2, state="running")
    await Investigations(database).finish("inc-1.2", finished(notifiers=("webhook",)))

    await actions.advance(CORDON.id, Step(WAITING, at(2)))

    assert (await deliveries.get("inc-1.2", "webhook")).edition == 1


async def test_what_is_noted_of_an_edition_does_not_count_for_the_next(deliveries, actions):
    await actions.advance(CORDON.id, Step(WAITING, at(2)))
    await actions.advance(CORDON.id, Step(APPROVED, at(3)))
    await actions.advance(CORDON.id, Step(ActionState.REFUSED, at(3)))  # while the second edition is being delivered

    await deliveries.delivered("inc-1.1", "webhook", at(4), edition=2)
    await deliveries.given_up("inc-1.1", "slack", "404", edition=2)
    await deliveries.attempted("inc-1.1", "slack", "503", at(9), edition=2)

    assert await standing(deliveries) == [("webhook", 3, OWED, 0), ("slack", 3, OWED, 0)]
    await deliveries.delivered("inc-1.1", "webhook", at(5), edition=3)
    assert (await standing(deliveries))[0] == ("webhook", 3, DELIVERED, 0)


async def test_a_sink_that_took_the_edition_before_has_shown_something(database, actions):
    given = Given(database)
    await given.incident()
    await given.investigation(state="running")
    done = replace(finished(notifiers=("webhook",)), actions=(CORDON,))
    await Investigations(database).finish("inc-1.1", done)
    await actions.advance(CORDON.id, Step(WAITING, at(2)))  # while the first edition is being delivered

    await Deliveries(database).delivered("inc-1.1", "webhook", at(3))

    record = await Deliveries(database).get("inc-1.1", "webhook")
    assert record is not None
    assert (record.edition, record.state, record.delivered_at) == (2, OWED, at(3))


async def test_an_investigation_is_read_with_its_actions_and_their_questions(deliveries, actions, database):
    digest = CORDON.order.digest
    await Approvals(database).ask(Approval("ap-1", "inc-1", CORDON.id, digest, at(2), at(62)))
    await actions.advance(CORDON.id, Step(WAITING, at(2), ruling="a person decides"))

    stored = await Investigations(database).get("inc-1.1")

    assert stored is not None
    (told,) = stored.actions
    assert (told.words, told.question_id, told.digest) == ("cordon_node gpu-7: waiting", "ap-1", digest)
    assert (told.note, told.calls) == ("a person decides", tuple(map(str, CORDON.order.calls)))
