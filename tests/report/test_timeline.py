"""What the timeline says happened, from triggers and from the summaries of evidence."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web import strip
from gcm_sentinel.web.timeline import Lane, Moment, moments_of

AT = "2026-11-20T03:09:00+00:00"
WHEN = datetime(2026, 11, 20, 3, 9, tzinfo=UTC)


@pytest.fixture
def told_by(off_bus: Publication) -> Callable[[dict[str, Any]], list[Moment]]:
    """The moments a single summary tells."""

    def read(summary: dict[str, Any]) -> list[Moment]:
        item = off_bus.evidence[0]
        evidence = (replace(item, result=replace(item.result, summary=summary)),)
        return [moment for moment in moments_of(replace(off_bus, evidence=evidence)) if moment.lane is not Lane.TRIGGER]

    return read


@pytest.mark.parametrize(
    ("summary", "lane", "text"),
    [
        (
            {"conditions": [{"type": "Ready", "status": "Unknown", "state": "unknown", "last_transition_at": AT}]},
            Lane.CONDITION,
            "Ready=Unknown",
        ),
        (
            {"bursts": [{"started_at": AT, "lead_xid": 79, "lead_pci": "0000:17:00", "xids": [79, 45]}]},
            Lane.KERNEL,
            "first Xid 79 on 0000:17:00, then Xid 45",
        ),
        (
            {"records": [{"kind": "mce", "device": "", "code": "", "count": 3, "first_at": AT}]},
            Lane.KERNEL,
            "mce ×3",
        ),
        ({"boots": [{"number": -1, "started_at": AT}]}, Lane.KERNEL, "boot -1"),
        ({"events": [{"reason": "NodeNotReady", "message": "m", "last_at": AT}]}, Lane.EVENT, "NodeNotReady: m"),
        ({"alerts": [{"name": "GpuHot", "severity": "page", "starts_at": AT}]}, Lane.ALERT, "GpuHot (page)"),
        ({"pods": [{"name": "a", "phase": "Failed", "finished_at": AT}]}, Lane.WORKLOAD, "pod a failed"),
        (
            {
                "pods": [
                    {
                        "name": "a",
                        "containers": [
                            {"name": "c", "last_reason": "OOMKilled", "last_exit_code": 137, "last_finished_at": AT}
                        ],
                    }
                ]
            },
            Lane.WORKLOAD,
            "a/c ended: OOMKilled (exit 137)",
        ),
        (
            {"logs": [{"pod": "p", "patterns": [{"kind": "nccl_timeout", "count": 2, "first_at": AT}]}]},
            Lane.WORKLOAD,
            "p logs nccl_timeout ×2",
        ),
        ({"exporter_down_since": AT}, Lane.METRIC, "GPU exporter is down since"),
        (
            {"metrics": [{"ended": [1], "by_gpu": {"1": {"last_at": AT}}}] * 2},
            Lane.METRIC,
            "GPU 1: 2 series end",
        ),
        ({"cordoned_at": AT, "cordoned_by": "kubectl-cordon"}, Lane.WORK, "cordoned by kubectl-cordon"),
        (
            {"maintenance": [{"value": "swap PSU", "state": "over", "starts_at": AT}]},
            Lane.WORK,
            "announced: swap PSU (over)",
        ),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Lane) else "",
)
def test_reads_each_kind_of_summary(
    told_by: Callable[[dict[str, Any]], list[Moment]], summary: dict[str, Any], lane: Lane, text: str
) -> None:
    assert [(m.lane, m.at, m.text, m.evidence) for m in told_by(summary)] == [(lane, WHEN, text, "E1")]


@pytest.mark.parametrize(
    "summary",
    [
        {"conditions": [{"type": "Ready", "state": "ok", "last_transition_at": AT}]},
        {"records": [{"kind": "other", "first_at": AT}]},
        {"events": [{"reason": "x", "first_at": "yesterday"}]},
        {"events": "none", "alerts": [1, None], "bursts": {"a": 1}, "metrics": [{"ended": [4]}]},
        {},
    ],
    ids=["healthy condition", "unrecognised record", "unreadable time", "wrong shapes", "nothing"],
)
def test_leaves_out_what_is_well_or_cannot_be_read(
    told_by: Callable[[dict[str, Any]], list[Moment]], summary: dict[str, Any]
) -> None:
    assert told_by(summary) == []


def test_two_sources_that_tell_the_same_count_once(off_bus: Publication) -> None:
    twice = replace(off_bus, evidence=(*off_bus.evidence, *off_bus.evidence))

    assert len(moments_of(twice)) == len(moments_of(off_bus)) == 12


def test_moments_are_in_order_of_time(off_bus: Publication) -> None:
    times = [moment.at for moment in moments_of(off_bus)]

    assert times == sorted(times)


def test_a_condition_that_changed_before_it_was_seen_shows_both(off_bus: Publication) -> None:
    shown = [moment.text for moment in moments_of(off_bus) if moment.lane is Lane.TRIGGER]

    assert [text.rpartition("(")[2] for text in shown] == ["condition changed)", "seen)"]


def test_the_window_leaves_out_what_is_days_old(off_bus: Publication) -> None:
    window = strip.window_of(moments_of(off_bus), off_bus.incident.opened_at)

    assert window.end - window.start < timedelta(minutes=6)


def test_the_drawing_numbers_every_moment_as_the_table_does(off_bus: Publication) -> None:
    moments = moments_of(off_bus)

    svg = strip.draw(moments, off_bus.incident.opened_at)

    ET.fromstring(svg)  # noqa: S314
    assert sorted(int(n) for n in re.findall(r">(\d+)</text></g>", svg)) == list(range(1, len(moments) + 1))
    assert svg.count('class="early"') == 2


def test_dots_of_one_moment_do_not_cover_each_other(off_bus: Publication) -> None:
    opened = off_bus.incident.opened_at
    crowd = [Moment(opened, Lane.ALERT, f"alert {n}") for n in range(4)]

    heights = re.findall(r'cy="([\d.]+)"', strip.draw(crowd, opened))

    assert len(set(heights)) == 4


def test_an_uneventful_incident_has_no_drawing(off_bus: Publication) -> None:
    assert strip.draw((), off_bus.incident.opened_at) == ""
