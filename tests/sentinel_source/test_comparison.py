"""`compare_sentinel_gpus`: only this GPU, this firmware, or everybody."""

from __future__ import annotations

import pytest
from tests.sentinel_source.gateway_double import gpu_health, uuids
from tests.sentinel_source.given import NODE

from gcm_sentinel.domain.evidence import ResultStatus

FAILS, PASSES = {5: (0, 9)}, {5: (9, 0)}
TOOL = "compare_sentinel_gpus"
MADE = {"model": "H100", "driver_version": "570.1", "firmware_version": "96.00"}


def fleet_of(fails, firmware=lambda place: "96.00"):
    """Twelve GPUs, four to a node, the first node being the one investigated."""
    hosts = (NODE, "gpu-r02-n2", "gpu-r03-n3")
    return [
        gpu_health(
            uuid, hosts[place // 4], place % 4, sms=FAILS if fails(place) else PASSES,
            **{**MADE, "firmware_version": firmware(place)},
        )
        for place, uuid in enumerate(uuids(12))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fails", "spread"),
    [
        (lambda place: False, "none"),
        (lambda place: place == 2, "one_gpu"),
        (lambda place: place < 3, "one_node"),
        (lambda place: place in (0, 5), "scattered"),
        (lambda place: place != 7, "everybody"),
    ],
    ids=["none", "one-gpu", "one-node", "scattered", "everybody"],
)
async def test_says_whose_probes_fail(double, ask, fails, spread):
    double.gpus = fleet_of(fails)

    summary = (await ask(TOOL)).summary

    assert summary["spread"] == spread
    assert summary["failing_total"] == sum(map(fails, range(12)))


async def test_a_firmware_that_fails_everywhere_is_named_with_its_numbers(double, ask):
    double.gpus = fleet_of(lambda place: place % 4 == 1, lambda place: "97.11" if place % 4 == 1 else "96.00")

    result = await ask(TOOL)

    assert (result.summary["spread"], result.summary["apart"]) == ("one_cohort", ["firmware_version=97.11"])
    worst, other = result.summary["by_firmware"]
    assert (worst["name"], worst["gpus"], worst["failing"], worst["nodes_failing"]) == ("97.11", 3, 3, 3)
    assert (other["name"], other["gpus"], other["failing"], other["failing_share"]) == ("96.00", 9, 0, 0.0)
    assert "firmware 97.11: 3 of 3 GPUs failed exact probes" in result.raw


async def test_the_node_stands_beside_its_cohort_and_the_fleet(double, ask):
    double.gpus = fleet_of(lambda place: place == 2)

    summary = (await ask(TOOL)).summary

    shares = [summary[key]["failing_share"] for key in ("node_cohort", "fleet")]
    assert shares == [0.25, 0.0833333]
    assert [gpu["localisation"] for gpu in summary["node_gpus"]] == ["one_sm", "none", "none", "none"]


async def test_of_a_cut_fleet_it_tells_no_spread(double, ask):
    double.gpus, double.limit = fleet_of(lambda place: place == 2), 5

    result = await ask(TOOL)

    assert (result.summary["spread"], result.summary["cut"]) == ("not_told", True)
    assert "shares are too high" in result.note
    assert result.summary["gpus_total"] == 12


async def test_a_node_nobody_reports_of_is_said_to_be_missing(double, ask):
    double.gpus = [gpu_health(uuids(1)[0], "gpu-r09-n9")]

    result = await ask(TOOL)

    assert result.summary["node_cohort"] is None
    assert f"no GPU whose host is exactly {NODE}" in result.note


async def test_a_gateway_without_gpus_has_no_data(double, ask):
    assert (await ask(TOOL)).status is ResultStatus.NO_DATA
