"""What the probes of a suspicion say of a GPU, and what they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.deep_probe_source.conftest import SEED
from tests.deep_probe_source.machine import NODE, SIBLING, SMS, SUSPECT, GivenOutcomes
from tests.node_service.conftest import Given
from tests.node_service.doubles import sample

from gcm_sentinel.domain.entity import gpu, node
from gcm_sentinel.domain.evidence import ResultStatus
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.probes import Outcome
from sentinel_node.probes.software.faults import StuckBit, Unreached

STUCK = StuckBit(sm=2, bit=7)
PASS, FAIL = Outcome.PASS, Outcome.FAIL


async def test_a_defective_sm_fails_alone_with_its_bit_and_place(ask, prober):
    prober.faults[SUSPECT.uuid] = (STUCK,)

    result = await ask()

    (kind,) = result.summary["kinds"]
    (wrong,) = kind["failing_sms"]
    assert (result.status, result.summary["comparison"]) == (ResultStatus.OK, "fails_alone")
    assert (wrong["sm"], wrong["byte_offset"] is not None) == (2, True)
    assert int(wrong["bits"], 16) & 1 << 7
    assert kind["suspect"]["counts"]["fail"] == len(wrong["variants"])
    assert kind["sibling"]["counts"] == {"pass": SMS * 3}
    assert "SM 2: fail" in result.raw


async def test_both_run_the_same_plan_with_the_same_seed(ask, prober):
    result = await ask(gpu=SUSPECT.uuid)

    first, second = sorted(prober.plans, key=lambda plan: plan.gpu_uuid)
    assert {first.gpu_uuid, second.gpu_uuid} == {SUSPECT.uuid, SIBLING.uuid}
    assert (first.seed, second.seed, first.depth) == (SEED, SEED, second.depth)
    assert f"seed {SEED}" in result.query
    assert result.entities == (
        node(NODE), gpu(NODE, index=0, uuid=SUSPECT.uuid), gpu(NODE, index=1, uuid=SIBLING.uuid),
    )  # fmt: skip


async def test_a_pass_is_said_to_prove_little(ask):
    result = await ask()

    assert (result.status, result.summary["comparison"]) == (ResultStatus.OK, "passes")
    assert "does not prove the GPU sound" in result.note


async def test_a_fault_of_both_is_not_the_suspects(ask, prober):
    prober.faults = dict.fromkeys((SUSPECT.uuid, SIBLING.uuid), (STUCK,))

    result = await ask()

    assert result.summary["comparison"] == "fails_on_both"
    assert "host" in result.note


class TestNoAnswer:
    """ERROR, TIMEOUT and NOT_RUN are never a pass."""

    @pytest.fixture
    def prober(self) -> GivenOutcomes:
        return GivenOutcomes()

    @pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.TIMEOUT, Outcome.NOT_RUN])
    async def test_a_suspect_without_any_is_an_error_and_no_absence(self, ask, prober, outcome):
        prober.given[SUSPECT.uuid] = (outcome,) * SMS

        result = await ask()

        assert (result.status, result.summary["comparison"]) == (ResultStatus.ERROR, "no_answer")
        assert "neither a pass nor a failure" in result.note
        assert "no block was seen" in result.note

    @pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.TIMEOUT, Outcome.NOT_RUN])
    async def test_one_sm_without_makes_it_a_pass_in_part(self, ask, prober, outcome):
        prober.given[SUSPECT.uuid] = (PASS, PASS, outcome)

        result = await ask()

        assert result.summary["comparison"] == "passes_in_part"
        assert "what did not run is not known" in result.note
        assert result.summary["kinds"][0]["suspect"]["counts"] == {"pass": 2, str(outcome): 1}

    @pytest.mark.parametrize(
        ("suspect", "sibling", "comparison"),
        [
            ((FAIL, PASS), (Outcome.ERROR, PASS), "fails_uncompared"),
            ((FAIL, Outcome.ERROR), (PASS,), "fails_alone"),
            ((PASS,), (PASS, FAIL), "only_sibling_fails"),
            ((PASS,), (Outcome.TIMEOUT,), "passes"),
        ],
    )
    async def test_only_a_sibling_that_passed_whole_sets_a_failure_apart(
        self, ask, prober, suspect, sibling, comparison
    ):
        prober.given = {SUSPECT.uuid: suspect, SIBLING.uuid: sibling}

        assert (await ask()).summary["comparison"] == comparison

    async def test_kinds_of_which_some_gave_none_are_a_pass_in_part(self, ask, prober, monkeypatch):
        given = GivenOutcomes.run

        def run(self, plan, watch):
            self.given[SUSPECT.uuid] = (Outcome.ERROR if plan.kind == "register_file" else PASS,)
            return given(self, plan, watch)

        monkeypatch.setattr(GivenOutcomes, "run", run)
        result = await ask(suspicion="sram_uncorrectable")

        assert result.summary["comparison"] == "passes_in_part"
        assert "No answer, which is not a pass: register_file" in result.note


class TestKinds:
    """Which probes a suspicion asks for."""

    @pytest.fixture
    def prober(self) -> GivenOutcomes:
        return GivenOutcomes()

    async def test_an_sm_that_fails_in_several_repeats(self, ask, prober):
        prober.given[SUSPECT.uuid] = (PASS, PASS, FAIL, PASS)

        result = await ask(suspicion="gpu_sm_defect")

        assert {kind["kind"] for kind in result.summary["kinds"]} == {
            "fma", "tensor_core", "register_file", "shared_memory", "transcendental", "aes",
        }  # fmt: skip
        assert result.summary["repeating_sms"] == [2]

    async def test_the_share_of_memory_is_told_with_what_ecc_hides(self, ask):
        result = await ask(suspicion="hbm_contained_error")

        (kind,) = result.summary["kinds"]
        assert (kind["suspect"]["tested_share"], kind["suspect"]["tested_bytes"]) == (0.25, 256 << 20)
        assert "ECC corrects single bits" in result.note

    async def test_each_failing_in_another_kind_is_both(self, ask, prober, monkeypatch):
        given = GivenOutcomes.run

        def run(self, plan, watch):
            broken = SUSPECT if plan.kind == "register_file" else SIBLING
            self.given = {broken.uuid: (FAIL,)}
            return given(self, plan, watch)

        monkeypatch.setattr(GivenOutcomes, "run", run)
        result = await ask(suspicion="sram_uncorrectable")

        assert {kind["comparison"] for kind in result.summary["kinds"]} == {"fails_alone", "only_sibling_fails"}
        assert result.summary["comparison"] == "fails_on_both"

    async def test_failing_memory_belongs_to_no_sm(self, ask, prober):
        prober.given[SUSPECT.uuid] = (FAIL,)

        result = await ask(suspicion="memory")

        assert [wrong["sm"] for wrong in result.summary["kinds"][0]["failing_sms"]] == [None]
        assert result.summary["repeating_sms"] == []


class TestSibling:
    """What the suspect is held against."""

    async def test_one_of_which_the_driver_tells_bad_things_is_not_taken(self, ask, given: Given):
        quiet = given.telemetry.given
        given.telemetry.given = (quiet[0], replace(quiet[1], recovery_action="gpu_reset"))

        result = await ask()

        assert result.summary["sibling"] is None
        assert "No GPU of the same model" in result.note

    async def test_one_with_uncorrected_errors_is_not_taken(self, ask, given: Given):
        given.telemetry.given = (given.telemetry.given[0], sample(SIBLING))

        assert (await ask()).summary["sibling"] is None

    async def test_another_model_is_not_taken(self, ask, given: Given):
        quiet = given.telemetry.given
        given.telemetry.given = (quiet[0], replace(quiet[1], gpu=replace(SIBLING, model="another")))

        assert (await ask()).summary["sibling"] is None

    async def test_one_that_another_probe_holds_is_not_taken(self, ask, given: Given):
        given.leases.take(SIBLING.uuid, "the schedule")

        assert (await ask()).summary["sibling"] is None

    async def test_readings_that_are_missing_do_not_cost_the_probe(self, ask, given: Given):
        given.telemetry.fails = Unavailable("the driver cannot be asked")

        result = await ask()

        assert (result.status, result.summary["comparison"]) == (ResultStatus.OK, "passes")
        assert "readings are missing" in result.note


async def test_an_sm_that_no_block_reaches_is_no_pass(ask, prober):
    prober.faults[SUSPECT.uuid] = (Unreached(1),)

    result = await ask()

    assert result.summary["comparison"] == "passes_in_part"
    assert result.summary["kinds"][0]["suspect"]["counts"]["not_run"] > 0
