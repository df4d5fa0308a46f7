"""What a directive may ask, by role: a responder undoes only what it did itself, and condemns nothing alone."""

from __future__ import annotations

import pytest
from tests.sentinel_core.gateway import AGENT, OMAR, Place, asking, batch, execution, failures, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.errors import Denied
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.roles import Caller, Role
from sentinel_gateway.domain.settings import ApprovalSettings, CoreSettings

Q, D, R, C = Action.QUARANTINE, Action.SCHEDULE_DEEP_TEST, Action.REINSTATE, Action.CONDEMN
OLGA = Caller("olga", frozenset({Role.OPERATOR}), "token")
BOT = Caller("gcm-sentinel", frozenset({Role.RESPONDER}), "token")
OTHER_BOT = Caller("another", frozenset({Role.RESPONDER}), "token")
BOTH = Caller("both", frozenset({Role.RESPONDER, Role.OPERATOR}), "token")
ALONE = CoreSettings(approvals=ApprovalSettings(frozenset()))
"""Settings that let nobody be asked."""
EXECUTED, WAITING = DirectiveStatus.EXECUTED, DirectiveStatus.WAITING
BEFORE = {
    "in use": (),
    "mine": ((BOT, Q),),
    "mine, tested by me": ((BOT, Q), (BOT, D)),
    "mine, tested by another": ((BOT, Q), (OLGA, D)),
    "another's": ((OLGA, Q),),
    "another's, tested by me": ((OLGA, Q), (BOT, D)),
    "another responder's": ((OTHER_BOT, Q),),
}
MAY_REINSTATE = {"mine", "mine, tested by me"}


async def begun(core: Core, before: str) -> None:
    """A GPU that somebody has dealt with."""
    await core.report_probes(AGENT, batch(execution()))
    for who, action in BEFORE[before]:
        await core.issue(who, asking(action))


async def state(core: Core) -> HealthState:
    return (await core.gpu_health(gpu().uuid)).state


@pytest.mark.parametrize("before", [name for name in BEFORE if name != "in use"])
async def test_a_responder_reinstates_what_it_alone_took_out_of_use(place: Place, before: str):
    async with place.running() as core:
        await begun(core, before)
        try:
            done = (await core.issue(BOT, asking(R))).resulting_state
        except Denied:
            done = None

    assert done == (HealthState.HEALTHY if before in MAY_REINSTATE else None)


async def test_what_it_did_is_its_own_after_a_restart(either: Place):
    async with either.running() as core:
        await begun(core, "mine, tested by me")
    async with either.running() as core:
        assert (await core.issue(BOT, asking(R))).resulting_state is HealthState.HEALTHY


async def test_what_was_taken_out_anew_is_not_its_own_for_having_been_once(place: Place):
    async with place.running() as core:
        await begun(core, "mine")
        await core.issue(OLGA, asking(R))
        await core.issue(OLGA, asking(Q))
        with pytest.raises(Denied, match="'olga' took it out of use"):
            await core.issue(BOT, asking(R))


async def test_a_suspect_is_not_a_responders_to_clear(place: Place):
    async with place.running() as core:
        await begun(core, "in use")
        await core.report_probes(AGENT, batch(*failures(2), sequence=5))
        assert await state(core) is HealthState.SUSPECT
        with pytest.raises(Denied, match="not out of use by one caller's doing"):
            await core.issue(BOT, asking(R))


@pytest.mark.parametrize("before", [name for name in BEFORE if name != "in use"])
@pytest.mark.parametrize("who", [OLGA, OMAR, BOTH], ids=["operator", "admin", "responder and operator"])
async def test_people_reinstate_whatever_is_out_of_use(place: Place, who: Caller, before: str):
    async with place.running() as core:
        await begun(core, before)

        assert (await core.issue(who, asking(R))).resulting_state is HealthState.HEALTHY


@pytest.mark.parametrize(
    ("who", "status"), [(BOT, WAITING), (OLGA, EXECUTED), (BOTH, EXECUTED)], ids=["responder", "operator", "both"]
)
async def test_a_responder_only_asks_to_condemn_where_settings_ask_nobody(place: Place, who: Caller, status):
    place.settings = ALONE
    async with place.running() as core:
        await begun(core, "mine")

        assert (await core.issue(who, asking(C))).status is status


async def test_a_responders_directive_answers_again_as_before(place: Place):
    async with place.running() as core:
        await begun(core, "mine")
        for request in (asking(R, "back"), asking(R, "back")):
            assert (await core.issue(BOT, request)).status is EXECUTED
        await core.issue(OLGA, asking(Q))
        for request in (asking(C, "for good"), asking(C, "for good")):
            assert (await core.issue(BOT, request)).status is WAITING


async def test_a_responder_takes_back_its_own_question_and_nobody_elses(place: Place):
    async with place.running() as core:
        await begun(core, "mine")
        await core.issue(BOT, asking(C, "mine"))
        await core.issue(OLGA, asking(C, "hers"))

        assert (await core.withdraw(BOT, "mine")).status is DirectiveStatus.WITHDRAWN
        with pytest.raises(Denied):
            await core.withdraw(BOT, "hers")


async def test_the_gateway_itself_gives_back_what_a_responder_took_and_its_test_cleared(place: Place):
    async with place.running() as core:
        await begun(core, "mine, tested by me")
        await core.report_probes(AGENT, batch(*(execution(-number) for number in range(1, 1001)), sequence=5))

        assert await state(core) is HealthState.HEALTHY
