"""What people see of a deep probing: its order with what it found, and each report by its evidence id."""

from __future__ import annotations

import pytest
from tests.acting_safety.conftest import Death
from tests.deep_probing.conftest import GPU, KEY

from gcm_sentinel.app.life.standing_down import StandingDown
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.order_history import OrderHistory
from gcm_sentinel.web.incident_text import render_evidence
from gcm_sentinel.web.order_text import history_lines
from sentinel_node.domain.probes import Outcome

FAIL_ON_1 = (Outcome.PASS, Outcome.FAIL)


@pytest.mark.slow
async def test_an_order_that_found_a_fault_tells_it_and_leaves_nothing_behind(site, bench):
    bench.of_kind[GPU, "aes"] = FAIL_ON_1

    ended = await site.probed()

    lines = "\n".join(history_lines(OrderHistory(ended), site.clock.now()))
    assert f"run_deep_probe on gpu {GPU} on node-1  done" in lines
    assert "the GPU computes wrongly: aes FAIL on SM 1" in lines
    assert "given back" not in lines


@pytest.mark.slow
async def test_its_reports_are_evidence_of_the_incident_and_shown_by_their_id(site, bench):
    bench.of_kind[GPU, "aes"] = FAIL_ON_1
    await site.probed()

    stored = await site.stores.investigations.get("inc-1.1")

    (found,) = [item for item in stored.evidence if item.id.startswith("P") and item.id.endswith("-4")]
    shown = render_evidence(found)
    assert "deep_probe" in shown
    assert "SM 1: fail" in shown


async def test_an_agent_that_acts_no_more_gives_it_up_and_says_that_nothing_is_left(site, bench):
    record = await site.ordered()
    await site.queue.submit(KEY, priority=1)
    assert not await site.run(KEY, Death(2, recorded=True))

    standing = StandingDown(site.stores, Mode.RECOMMEND, site.queue.cancel, site.clock, executor="pod-9")
    await standing.stand_down()
    await site.work()

    ended = await site.now(record)
    assert (ended.state, len(bench.ran)) == (ActionState.FAILED, 1)
    assert ended.note.endswith("(run_deep_probe: some or all of it may have been sent, of which nothing is left)")
