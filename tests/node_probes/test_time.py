"""What counts as a plan's time: launches do, compiling does not, and variants share a soak."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.node_probes.gpus import QUICK, VARIANTS, gpu, plan, runner

from sentinel_node.domain.errors import DeviceFailed, NodeError, Unavailable
from sentinel_node.domain.probes import Outcome, ProbeKind, ProbePlan, ProbeReport
from sentinel_node.probes.catalogue import PROBES
from sentinel_node.probes.compiling import CompileFailed
from sentinel_node.probes.runner import Clocks, Runner
from sentinel_node.probes.software.device import GPU, SoftwareDevice
from sentinel_node.probes.software.twins import twins

FP32 = VARIANTS[0]
FMA = ProbePlan(ProbeKind.FMA, GPU.uuid, repetitions=1)


class Compiling(SoftwareDevice):
    """Takes a hundred seconds for each kernel, or cannot make the first."""

    now_s = 0.0
    error: NodeError | None = None

    def prepare(self, source: str, entry: str) -> None:
        super().prepare(source, entry)
        self.now_s += 100
        if self.error and entry == FP32.entry:
            raise self.error

    def run(self, asked: ProbePlan) -> ProbeReport:
        clocks = Clocks(lambda: self.now_s, lambda: round(self.now_s * 1e9))
        return Runner(PROBES, clocks).run(asked, self)


def test_compiling_is_not_the_plan_s_time() -> None:
    report = Compiling(twins(), 2).run(replace(plan(FP32), deadline_s=5.0))

    assert report.outcome is Outcome.PASS
    assert report.started_unix_ns == report.ended_unix_ns


def test_all_kernels_are_made_ready_before_the_first_launch() -> None:
    device = gpu(sm_count=1)

    runner().run(replace(FMA, variant="fp32"), device)

    assert device.prepared == [(FP32.source, FP32.entry)]
    assert all(launch.entry == FP32.entry for launch in device.launches)


@pytest.mark.parametrize("error", [CompileFailed("line 3"), Unavailable("line 3"), DeviceFailed("line 3")])
def test_a_kernel_that_cannot_be_had_is_an_error_of_its_variant_alone(error: NodeError) -> None:
    device = Compiling(twins(), 1)
    device.error = error

    report = device.run(FMA)

    assert [(each.variant, each.outcome) for each in report.findings] == [
        ("fp32", Outcome.ERROR),
        ("fp64", Outcome.PASS),
        ("int32", Outcome.PASS),
    ]
    assert "line 3" in report.findings[0].reason


def test_a_memory_run_makes_both_of_its_kernels_ready() -> None:
    (entries,) = {variant.entries for variant in PROBES[ProbeKind.MEMORY].variants}

    assert set(entries) == {"memory_read", "memory_write"}


def test_a_soak_is_shared_by_all_variants() -> None:
    report = runner(step_s=0.1).run(replace(FMA, soak_s=9.0, deadline_s=16.0), gpu(sm_count=1))

    assert report.outcome is Outcome.PASS
    assert all(each.repetitions > 1 for each in report.findings)


def test_a_launch_longer_than_what_is_left_is_a_timeout() -> None:
    device = gpu(sm_count=2)
    device.launch_s = 6.0

    report = runner().run(replace(plan(QUICK[0]), deadline_s=5.0), device)

    assert {each.outcome for each in report.findings} == {Outcome.TIMEOUT}
