"""An agent that dies at any step of a deep probing: what was cut off is run again, and nothing is told that was not
reported."""

from __future__ import annotations

import pytest
from tests.acting_safety.conftest import Death
from tests.deep_probing.conftest import GPU, HOT, KEY, PROBES, a_site

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.modes import Mode

ALL = (*PROBES, *HOT)
STEPS = ("rule", "begin", *["send:PROBE"] * len(ALL), "carried", "check", "ended")
DEATHS = [
    pytest.param(Death(step, recorded), id=f"{step}-{name}-{'recorded' if recorded else 'done'}")
    for step, name in enumerate(STEPS)
    for recorded in (False, True)
]


@pytest.mark.slow
async def test_these_are_its_steps(site):
    await site.probed()

    assert tuple(name for name, _ in site.queue.steps[KEY]) == STEPS


async def killed_at(site, bench, death: Death) -> None:
    record = await site.ordered()
    if site.mode is Mode.APPROVE:
        await site.work()
        await site.decide(record)

    await site.work(death)

    ended = await site.now(record)
    assert ended.state is ActionState.DONE
    assert ended.note.startswith("nothing wrong was found")
    cut_off = STEPS[death.step] == "send:PROBE" and not death.recorded
    assert len(bench.ran) == len(ALL) + cut_off
    assert len({plan.seed for plan in bench.plans}) == 1
    assert [item.result.summary["outcome"] for item in await site.kept()] == ["pass"] * len(ALL)


async def test_a_probe_cut_off_by_our_death_is_run_again(site, bench):
    await killed_at(site, bench, Death(STEPS.index("send:PROBE") + 2, recorded=False))

    assert bench.ran.count((GPU, "transcendental")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.EXECUTE])
@pytest.mark.parametrize("death", DEATHS)
async def test_it_is_seen_through_whenever_it_is_killed(tmp_path, given, bench, mode, death):
    async with a_site(tmp_path, given, mode) as site:
        await killed_at(site, bench, death)


async def test_what_was_begun_is_not_gone_on_with_where_its_incident_is_over_and_nothing_is_left(site, bench):
    record = await site.ordered()
    await site.queue.submit(KEY, priority=1)
    assert not await site.run(KEY, Death(STEPS.index("begin"), recorded=True))
    await site.close("inc-1")

    await site.work()

    ended = await site.now(record)
    assert (ended.state, bench.ran) == (ActionState.REFUSED, [])
    assert "nothing of it is left" in ended.note


@pytest.mark.slow
async def test_a_report_that_never_came_is_not_told_as_passed_after_a_death(site, bench):
    record = await site.ordered()
    await site.queue.submit(KEY, priority=1)
    assert not await site.run(KEY, Death(STEPS.index("send:PROBE"), recorded=False))
    await site.agents_gone()

    await site.work()

    ended = await site.now(record)
    assert ended.state is ActionState.FAILED
    assert "PASS" not in ended.note
    assert "fma no report" in ended.note
