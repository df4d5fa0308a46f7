"""What the deep probes of a GPU come to: its order, its evidence, and what is told to people."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.deep_probe_source.machine import SIBLING, SMS, SoftwareProber
from tests.deep_probing.conftest import GPU, HOT, PROBES

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.deep_probing import DeepProbing
from gcm_sentinel.domain.evidence import ResultStatus
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.probes import Outcome
from sentinel_node.probes.software.faults import StuckBit

DONE, FAILED = ActionState.DONE, ActionState.FAILED
BESIDE = SIBLING.uuid
FAIL_ON_2 = (Outcome.PASS, Outcome.PASS, Outcome.FAIL, Outcome.PASS)


async def test_every_kind_runs_once_deep_then_two_of_them_hot(site, bench):
    ended = await site.probed()

    assert ended.state is DONE
    assert bench.ran == [(GPU, kind) for kind in (*PROBES, *HOT)]
    assert {str(plan.depth) for plan in bench.plans} == {"deep"}
    assert [plan.soak_s for plan in bench.plans] == [0.0] * len(PROBES) + [120.0] * len(HOT)
    assert sum(plan.deadline_s for plan in bench.plans) <= 30 * 60


@pytest.mark.slow
async def test_a_pass_is_said_to_prove_little(site):
    ended = await site.probed()

    assert ended.note.startswith("nothing wrong was found, which proves little: PASS: fma [P")
    assert "tensor_core soaked 120 s" in ended.note


async def test_a_failure_names_sm_and_kind_and_that_the_gpu_beside_it_passes(site, bench):
    bench.of_kind[GPU, "aes"] = FAIL_ON_2

    ended = await site.probed()

    assert ended.state is DONE
    assert ended.note.startswith("the GPU computes wrongly: aes FAIL on SM 2 (bits ")
    assert f"alone: GPU {BESIDE} beside it passes" in ended.note
    assert [kind for gpu, kind in bench.ran if gpu == BESIDE] == ["aes"]
    assert bench.most_at_once == 1


@pytest.mark.slow
async def test_both_are_probed_with_the_same_operands(site, bench):
    bench.of_kind[GPU, "fma"] = FAIL_ON_2

    await site.probed()

    assert {gpu for gpu, _ in bench.ran} == {GPU, BESIDE}
    assert len({plan.seed for plan in bench.plans}) == 1


@pytest.mark.slow
async def test_a_failure_of_both_is_told_as_the_hosts_first(site, bench):
    bench.of_kind = {(GPU, "fma"): FAIL_ON_2, (BESIDE, "fma"): FAIL_ON_2}

    ended = await site.probed()

    assert "beside it fails too" in ended.note
    assert "suspect host, driver and probe first" in ended.note


@pytest.mark.slow
@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.TIMEOUT, Outcome.NOT_RUN])
async def test_what_gave_no_answer_is_no_pass(site, bench, outcome):
    bench.of_kind[GPU, "memory"] = (Outcome.PASS, outcome)

    ended = await site.probed()

    assert ended.state is FAILED
    assert "not verified: " in ended.note
    assert f"no answer, which is no pass: memory {outcome.upper()} ({outcome}: no block was seen)" in ended.note
    assert bench.ran[-1] == (GPU, HOT[-1])


@pytest.mark.slow
async def test_one_wrong_result_is_proof_whatever_else_gave_no_answer(site, bench):
    bench.of_kind = {(GPU, "fma"): FAIL_ON_2, (GPU, "memory"): (Outcome.ERROR,)}

    ended = await site.probed()

    assert ended.state is DONE
    assert ended.note.index("fma FAIL on SM 2") < ended.note.index("no answer, which is no pass: memory ERROR")


async def test_an_agent_that_is_gone_in_the_middle_verifies_nothing(site, bench):
    bench.breaks["aes"] = Unavailable("the machine is going down")

    ended = await site.probed()

    assert ended.state is FAILED
    assert "aes no report (agent on node 'node-1'" in ended.note
    assert "memory not asked" in ended.note
    assert ended.note.endswith("nothing of it is left: a person must look")
    assert (GPU, "memory") not in bench.ran


@pytest.mark.slow
async def test_each_probe_is_evidence_of_the_investigation(site, bench):
    bench.of_kind[GPU, "tensor_core"] = FAIL_ON_2

    ended = await site.probed()

    kept = await site.kept()
    assert [item.summary["kind"] for item in (one.result for one in kept)] == [
        *PROBES,
        *HOT,
        "tensor_core",
        "tensor_core",
    ]
    wrong = kept[1].result
    assert wrong.summary["counts"] == {"pass": SMS - 1, "fail": 1}
    assert "SM 2: fail" in wrong.raw
    assert f"[{kept[1].id}]" in ended.note


@pytest.mark.slow
async def test_that_no_report_came_is_evidence_too(site, bench):
    bench.breaks["fma"] = Unavailable("gone")

    await site.probed()

    (only,) = await site.kept()
    assert only.result.status is ResultStatus.ERROR
    assert "gone" in only.result.note


class TestOnSoftware:
    """The probes as they are, on GPUs in software."""

    @pytest.fixture
    def bench(self) -> SoftwareProber:
        return SoftwareProber({GPU: (StuckBit(sm=2, bit=7),)})

    @pytest.mark.slow
    async def test_a_stuck_bit_is_found_on_its_sm(self, site):
        site.limits = DeepProbing(soak=timedelta())

        ended = await site.probed()

        assert ended.state is DONE
        assert "fma FAIL on SM 2 (bits 0x" in ended.note
        (first, *_) = await site.kept()
        assert all(sm["sm"] == 2 and sm["bits"] & 1 << 7 for sm in first.result.summary["failing"])
        assert "in place of" in first.result.raw
