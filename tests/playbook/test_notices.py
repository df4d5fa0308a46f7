"""A provider's notice counts while it may still come true; afterwards it is only text that was left behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.llm.playbook.findings import evaluate

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
IN_55_MIN = "Redeploy of the host, maintenance in 55 min"


def stamp(ago):
    return (T0 - ago).isoformat().replace("+00:00", "Z")


def noticed(sick, ago, *more, text=IN_55_MIN, booted=timedelta(days=9)):
    """A node with an event of so long ago, and further events as (ago, text)."""
    events = [
        {"about": "n", "type": "Warning", "reason": "VMEventScheduled", "message": words, "count": 1,
         "first_at": stamp(gap), "last_at": stamp(gap), "source": "cloud"}
        for gap, words in ((ago, text), *more)
    ]  # fmt: skip
    case = sick(kind="HostMaintenance", message="soon", transition=None).info(booted_at=stamp(booted))
    summary = {"node": case.node, "events": events, "events_total": len(events), "by_reason": {}}
    return case.put("get_node_events", summary)


def ask(case, key):
    return evaluate(case.observed(), key, None)


def test_holds_before_its_moment(sick):
    case = noticed(sick, timedelta(minutes=5))

    assert ask(case, "provider_notice").holds is True
    assert ask(case, "notice_over").holds is False


@pytest.mark.parametrize(
    "case_of",
    [
        lambda sick: noticed(sick, timedelta(hours=3), booted=timedelta(hours=2)),
        lambda sick: noticed(sick, timedelta(hours=30)),
        lambda sick: noticed(sick, timedelta(days=2), text=f"host maintenance at {stamp(timedelta(hours=20))}"),
        lambda sick: noticed(sick, timedelta(hours=1), (timedelta(minutes=20), "host maintenance completed")),
        lambda sick: noticed(sick, timedelta(hours=1), (timedelta(minutes=20), "ScheduledEvent cancelled")),
    ],
    ids=["booted-since", "long-past", "dated-and-past", "completed", "cancelled"],
)
def test_is_over(sick, case_of):
    case = case_of(sick)

    assert ask(case, "provider_notice").holds is False
    assert ask(case, "notice_over").holds is True


def test_still_holds_when_the_boot_was_before_it(sick):
    assert ask(noticed(sick, timedelta(minutes=5), booted=timedelta(hours=1)), "provider_notice").holds is True


def test_a_notice_without_a_moment_stays_open(sick):
    case = noticed(sick, timedelta(days=3), text="instance retirement of the host is scheduled by the provider")

    assert ask(case, "provider_notice").holds is True


def test_a_notice_that_is_over_takes_no_capacity(sick, investigate):
    found = investigate(noticed(sick, timedelta(hours=30), booted=timedelta(hours=28)))

    assert str(found.draft.fault_class) == "stale_condition"
    assert not found.actions & {"cordon", "drain"}
