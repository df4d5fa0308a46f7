"""Whether a fault came back: the part decides, and what was done in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.entity import gpu, node
from gcm_sentinel.domain.history import PastIncident
from gcm_sentinel.domain.recurrence import (
    by_fault_class,
    family_of,
    mended,
    on_parts,
    parts_of,
    repairs,
    same_slot,
    xids_named,
)

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MINE = gpu("n1", index=3, uuid="GPU-a", pci="0000:5d:00")


def past(days, *blamed, fault_class="gsp_hang", close="nothing was wrong for 300 s", taken=(), over=True):
    opened = NOW - timedelta(days=days)
    closed = opened + timedelta(hours=1) if over else None
    return PastIncident(
        f"inc-{days}", "n1", opened, closed, (), fault_class, Severity.CRITICAL, 0.9, "", "drain", blamed, close, taken
    )


def test_one_part_under_two_nodes_is_one_part():
    moved = gpu("n7", index=0, uuid="GPU-a")

    (found,) = on_parts([past(9, moved), past(2, MINE)])

    assert len(found.incidents) == 2
    assert found.came_back


def test_another_gpu_at_the_same_place_is_another_part():
    other = gpu("n1", index=3, uuid="GPU-b", pci="0000:5d:00")

    assert len(on_parts([past(9, other), past(2, MINE)])) == 2
    assert same_slot(other, MINE)


def test_a_part_known_by_its_place_only_takes_the_fuller_name():
    (found,) = on_parts([past(2, gpu("n1", index=3)), past(9, MINE)])

    assert found.part.uuid == "GPU-a"


def test_faces_of_one_fault_are_one_fault():
    contained, escaped = past(9, MINE, fault_class="hbm_contained_error"), past(2, MINE, fault_class="hbm_ecc_escape")

    (found,) = on_parts([contained, escaped])

    assert found.fault == "gpu memory"
    assert family_of("gsp_hang") == "gsp_hang"


@pytest.mark.parametrize(
    ("taken", "counts"),
    [
        ("reset_gpu 2026-11-02T10:00:00+00:00 verified", True),
        ("power-cycle 2026-11-02T10:00:00+00:00 verified", True),
        ("reset-gpu 2026-11-02T10:00:00+00:00 failed", False),
        ("cordon 2026-11-02T10:00:00+00:00 verified", False),
    ],
    ids=["reset", "power-cycle", "failed", "cordon"],
)
def test_a_repair_is_what_was_meant_to_mend_and_worked(taken, counts):
    assert bool(repairs(past(2, taken=(taken,)))) is counts


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        ({}, True),
        ({"over": False}, False),
        ({"close": "closed by ana: GPU replaced"}, True),
        ({"close": "closed by ana: known noise"}, False),
        ({"close": "closed by ana: reset did not help, RMA needed"}, False),
        ({"close": "closed by repair-bot@host: known noise"}, False),
        ({"close": "merged into inc-9"}, False),
    ],
    ids=["quiet", "open", "repaired-by-hand", "waved-away", "not-repaired", "by-a-name", "merged"],
)
def test_it_was_mended_when_it_ended_well(changes, over):
    assert mended(past(2, MINE, **changes)) is over


def test_what_was_merged_away_is_not_counted_twice():
    merged = past(3, MINE, close="merged into inc-2")

    assert by_fault_class([merged, past(2, MINE)]) == {"gsp_hang": 1}
    assert len(on_parts([merged, past(2, MINE)])[0].incidents) == 1


def test_without_a_part_the_node_stands_for_it():
    assert parts_of(past(2)) == (node("n1"),)
    assert parts_of(past(2, node("n1"), MINE)) == (MINE,)


@pytest.mark.parametrize(
    ("words", "codes"),
    [("Xid 62 once", (62,)), ("Xids 48, 63 and 94", (48, 63, 94)), ("Xid 4711", ()), ("no code", ())],
    ids=["one", "several", "too-long", "none"],
)
def test_reads_the_xids_a_summary_names(words, codes):
    assert xids_named(words) == codes
