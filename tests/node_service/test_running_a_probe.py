"""RunProbe: accepted, then progress and findings, at last the report."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from tests.node_service.doubles import GPU, MIG, NOW_NS, WITHIN_S

from sentinel.node.v1 import node_pb2
from sentinel_node.domain.errors import DeviceFailed, Invalid
from sentinel_node.domain.permission import Allowed


def request(**fields) -> node_pb2.ProbeRequest:
    wanted: dict[str, Any] = {"kind": node_pb2.PROBE_KIND_FMA, "gpu_uuid": GPU.uuid} | fields
    return node_pb2.ProbeRequest(**wanted)


async def events(node, asked) -> list[node_pb2.ProbeEvent]:
    return [event async for event in node.RunProbe(asked, timeout=WITHIN_S)]


async def refusal(node, asked) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await events(node, asked)
    return caught.value.code(), caught.value.details() or ""


async def test_the_first_event_is_accepted_and_the_last_the_report(node):
    told = await events(node, request())

    kinds = [event.WhichOneof("event") for event in told]
    assert (kinds[0], kinds[-1]) == ("accepted", "report")
    assert kinds.count("finding") == 3
    assert set(kinds[1:-1]) <= {"finding", "progress"}


async def test_every_event_names_run_time_gpu_and_node(node):
    told = await events(node, request())

    assert {(event.gpu.uuid, event.gpu.node_name, event.gpu.pci_bus_id) for event in told} == {
        (GPU.uuid, "node-1", "0000:9b:00.0")
    }
    assert len({event.run_id for event in told}) == 1
    assert {event.time.ToNanoseconds() for event in told} == {NOW_NS}


async def test_what_is_accepted_is_the_request_with_everything_filled_in(node):
    told = await events(node, request(variant="fp32", sm_ids=[0, 1, 2], repetitions=5))

    plan = told[0].accepted.plan
    assert (plan.seed, plan.depth, plan.deadline_seconds) == (2**64 - 1, node_pb2.PROBE_DEPTH_LIGHT, 60)
    assert (plan.variant, list(plan.sm_ids), plan.repetitions) == ("fp32", [0, 1, 2], 5)


async def test_a_failure_is_told_to_the_bit(node):
    told = await events(node, request())

    (failed,) = [event.finding for event in told if event.finding.outcome == node_pb2.PROBE_OUTCOME_FAIL]
    assert (failed.sm_id, failed.mismatch_words, failed.mismatch_bits) == (1, 7, 0x8000_0002)
    assert (failed.mismatch.byte_offset, list(failed.mismatch.differing_bits)) == (16, [1])
    assert (failed.mismatch.device_address, failed.actual_hash) == (0x7F00_0000_1000, b"a" * 32)


async def test_the_report_counts_the_outcomes_and_tells_the_gravest(node):
    report = (await events(node, request()))[-1].report

    assert report.outcome == node_pb2.PROBE_OUTCOME_FAIL
    assert (report.passed, report.failed, report.errors, report.timeouts, report.not_run) == (2, 1, 0, 0, 0)
    assert (report.gpu_clock_mhz, report.gpu_temperature_c, report.gpu_power_w) == (1980, 45.5, 310.25)
    assert list(report.notes) == ["fp8 left out"]


async def test_every_report_is_heard_inside_as_well(node, given):
    await events(node, request())

    assert given.heard == [("fma", GPU.uuid)]


@pytest.mark.parametrize("trouble", [OSError("disk"), None], ids=["fails", "hangs"])
async def test_whoever_hears_inside_keeps_no_report_from_its_caller(given, node_of, trouble):
    async def hear(report, gpu):
        if trouble:
            raise trouble
        await asyncio.Event().wait()

    given.hear, given.hearing_s = hear, 0.05

    async with node_of(given) as node:
        assert (await events(node, request()))[-1].HasField("report")


async def test_the_seed_that_is_asked_for_is_used_even_if_it_is_0(node, given):
    await events(node, request(seed=0))

    assert given.prober.plans[0].seed == 0


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"kind": 0}, "kind"),
        ({"kind": 99}, "kind"),
        ({"depth": 9}, "depth"),
        ({"gpu_uuid": ""}, "gpu_uuid"),
        ({"sm_ids": [1, 1]}, "twice"),
        ({"sm_ids": [70_000]}, "no GPU has"),
        ({"repetitions": 2_000_000}, "repetitions"),
        ({"memory_share": 1.5}, "memory_share"),
        ({"memory_share": float("nan")}, "memory_share"),
        ({"deadline_seconds": 3601}, "deadline_seconds"),
        ({"soak_seconds": 61}, "soak_seconds"),
        ({"variant": "x" * 65}, "variant"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_request_that_cannot_be_is_refused_by_its_field(node, fields, word):
    code, words = await refusal(node, request(**fields))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert word in words


async def test_a_gpu_that_is_not_here_is_not_found_and_the_others_are_named(node):
    code, words = await refusal(node, request(gpu_uuid="GPU-0"))

    assert code is grpc.StatusCode.NOT_FOUND
    assert GPU.uuid in words


async def test_no_probe_runs_on_a_partitioned_gpu(node, given):
    code, words = await refusal(node, request(gpu_uuid=MIG.uuid))

    assert (code, given.prober.plans) == (grpc.StatusCode.FAILED_PRECONDITION, [])
    assert "MIG" in words


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Invalid("no variant fp3"), grpc.StatusCode.INVALID_ARGUMENT),
        (DeviceFailed("an illegal address"), grpc.StatusCode.UNAVAILABLE),
    ],
    ids=["invalid", "device-failed"],
)
async def test_what_the_probes_refuse_keeps_its_words_and_frees_the_gpu(node, given, error, code):
    given.prober.fails = error

    assert await refusal(node, request()) == (code, str(error))
    assert given.leases.holders() == {}


async def test_a_bug_tells_the_caller_an_id_and_nothing_of_its_words(node, given):
    given.prober.fails = ZeroDivisionError("secret")

    code, words = await refusal(node, request())

    assert code is grpc.StatusCode.INTERNAL
    assert "error_id=" in words
    assert "secret" not in words


class TestAllowed:
    """What the operator lets run."""

    @pytest.mark.parametrize(
        ("allowed", "fields"),
        [
            (Allowed.OFF, {}),
            (Allowed.LIGHT, {"depth": node_pb2.PROBE_DEPTH_DEEP}),
            (Allowed.LIGHT, {"soak_seconds": 5}),
        ],
        ids=["off", "deep", "soak"],
    )
    async def test_what_is_not_allowed_is_refused_with_the_setting(self, allowed, fields, given, node_of):
        given.allowed = allowed

        async with node_of(given) as node:
            code, words = await refusal(node, request(**fields))

        assert (code, given.prober.plans) == (grpc.StatusCode.FAILED_PRECONDITION, [])
        assert "`probes" in words
