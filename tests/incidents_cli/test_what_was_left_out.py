"""What opened no incident is shown with the reason: nothing is refused in silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gcm_sentinel.domain.incident_record import TriggerState
from gcm_sentinel.domain.triage_changes import RuleOn
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.storage.triage import TriageStore
from gcm_sentinel.storage.triggers import Triggers

HOUR = timedelta(hours=1)


async def refused_and_held(given) -> None:
    now = datetime.now(UTC)
    told = [Trigger("kubernetes", node, "GpuXid", TriggerStatus.PROBLEM, "R", "m", now, now) for node in ("a", "b")]
    await Triggers(given.database).store(told)
    async with TriageStore(given.database).session(now, burst=HOUR, cooldown=HOUR) as session:
        refused, held = (stored.id for stored in session.snapshot.pending)
        await session.apply(
            [
                RuleOn((refused,), TriggerState.REFUSED, "node a is not covered"),
                RuleOn((held,), TriggerState.HELD, "cool-down of b/GpuXid", now + HOUR),
            ]
        )


def test_each_is_listed_with_its_reason_and_when_it_is_looked_at_again(past, run):
    past(refused_and_held)

    done = run("left-out")

    assert done.code == 0
    held, refused = done.out.splitlines()[1:]
    assert held.split()[:3] == ["b", "GpuXid", "held"]
    assert "cool-down of b/GpuXid" in held
    assert refused.split()[:3] == ["a", "GpuXid", "refused"]
    assert "node a is not covered" in refused


def test_as_json_it_says_until_when(past, run):
    past(refused_and_held)

    listed = run("left-out", "--output", "json").json

    assert listed["format"] == "gcm-sentinel/left-out/v1"
    assert [row["ruling"] for row in listed["triggers"]] == ["held", "refused"]
    assert listed["triggers"][0]["hold_until"] > listed["triggers"][0]["stored_at"]
