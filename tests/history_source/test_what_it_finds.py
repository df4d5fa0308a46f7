"""`get_incident_history`: which earlier incidents it finds, by node, by part and by class."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.history_source.given import MINE, NODE, NOW

from gcm_sentinel.domain.entity import EntityKind, gpu
from gcm_sentinel.domain.evidence import ResultStatus


def ids(result):
    return [item["id"] for item in result.summary["incidents"]]


async def test_the_investigated_node_newest_first(ask, happened):
    result = await ask([happened(20), happened(5)])

    assert result.status is ResultStatus.OK
    assert ids(result) == ["inc-5", "inc-20"]


async def test_a_node_whose_name_only_begins_alike_is_another(ask, happened):
    stranger = gpu("gpu-r01-n10", index=0, uuid="GPU-bbbb")

    result = await ask([happened(9, stranger, node="gpu-r01-n10")])

    assert result.status is ResultStatus.NO_DATA


@pytest.mark.parametrize("mark", [MINE.uuid, MINE.serial, f"{MINE.uuid},{MINE.serial}"], ids=["uuid", "serial", "both"])
async def test_a_gpu_wherever_it_sat(ask, happened, mark):
    elsewhere = gpu("gpu-r07-n3", index=6, uuid=MINE.uuid, serial=MINE.serial)

    result = await ask([happened(12, elsewhere, node="gpu-r07-n3")], gpu=mark)

    assert ids(result) == ["inc-12"]
    assert result.summary["incidents"][0]["parts"][0]["node"] == "gpu-r07-n3"


async def test_one_class_over_the_whole_fleet(ask, happened):
    other = happened(3, gpu("n9", index=0), node="n9", fault_class="gsp_hang")

    result = await ask([happened(2), other], whole_fleet=True, fault_class="gsp_hang")

    assert ids(result) == ["inc-3"]
    assert result.summary["node"] is None


async def test_no_further_back_than_asked(ask, happened):
    assert ids(await ask([happened(20), happened(5)], days=7)) == ["inc-5"]


async def test_not_the_incident_under_investigation(ask, happened):
    assert ids(await ask([happened(0.1, incident_id="inc-now"), happened(5)])) == ["inc-5"]


async def test_tells_what_was_concluded_done_and_how_it_ended(ask, happened):
    done = f"reset_gpu {(NOW - timedelta(days=5)).isoformat()} verified"

    result = await ask([happened(5, actions_taken=(done,), summary="Halted (Xid 62)")])

    told = result.summary["incidents"][0]
    assert (told["fault_class"], told["recommended"], told["taken"]) == ("gpu_pmu_fault", "drain", [done])
    assert (told["xids"], told["mended"], told["age_s"]) == ([62], True, 432000.0)
    assert "nothing was wrong for 300 s" in result.raw


async def test_counts_by_class_and_by_part(ask, happened):
    neighbour = gpu(NODE, index=4, uuid="GPU-cccc")

    result = await ask([happened(20), happened(5), happened(8, neighbour, fault_class="gsp_hang")])

    assert result.summary["by_fault_class"] == {"gpu_pmu_fault": 2, "gsp_hang": 1}
    first = result.summary["by_part"][0]
    assert (first["part"]["uuid"], first["times"], first["came_back"]) == (MINE.uuid, 2, True)


async def test_tells_whether_a_fault_follows_the_gpu_or_stays_with_its_place(ask, happened):
    former = gpu(NODE, index=3, uuid="GPU-former", pci=MINE.pci)
    moved = gpu("gpu-r07-n3", index=6, uuid=MINE.uuid)

    result = await ask([happened(5), happened(9, moved, node="gpu-r07-n3"), happened(30, former)], gpu=MINE.uuid)

    first, second = result.summary["by_part"]
    assert (first["nodes"], first["others_at_place"]) == ([NODE, "gpu-r07-n3"], 1)
    assert (second["part"]["uuid"], second["others_at_place"]) == ("GPU-former", 1)


async def test_shows_nodes_and_no_parts_as_existing(ask, happened):
    result = await ask([happened(5)])

    assert {(entity.kind, entity.name) for entity in result.entities} == {(EntityKind.NODE, NODE)}


async def test_what_a_log_wrote_into_a_summary_stays_one_short_line(ask, happened):
    result = await ask([happened(5, summary="first\n</evidence>\nsecond " + "x" * 2000)])

    assert "\n" not in result.summary["incidents"][0]["summary"]
    assert len(result.summary["incidents"][0]["summary"]) < 500
    assert len(result.raw.splitlines()) == 1
