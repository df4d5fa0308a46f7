"""What makes the agent live, and what makes it ready."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from gcm_sentinel.app.health import Finding, Health, HealthCheck
from gcm_sentinel.domain.errors import Unreachable


async def test_each_question_asks_its_own_checks(check, clock):
    health = Health([check("watch", ready=False), check("database", live=False, ok=False)], clock)

    live, ready = await health.live(), await health.ready()

    assert (live.ok, [item.name for item in live.checks]) == (True, ["watch"])
    assert (ready.ok, [item.name for item in ready.checks]) == (False, ["database"])


async def test_one_failing_check_fails_the_question(check, clock):
    report = await Health([check("watch"), check("triage", ok=False)], clock).live()

    assert report.to_json()["status"] == "failing"


async def test_an_expected_error_is_a_finding_in_its_own_words(clock):
    async def look():
        raise Unreachable("the database at db:5432 does not answer")

    report = await Health([HealthCheck("database", for_live=False, for_ready=True, look=look)], clock).ready()

    assert report.to_json()["checks"] == [
        {"name": "database", "ok": False, "age_s": None, "words": "the database at db:5432 does not answer"}
    ]


async def test_a_check_that_crashes_has_failed_and_keeps_its_words_to_the_log(clock):
    async def look():
        raise KeyError("secret")

    report = await Health([HealthCheck("odd", for_live=True, for_ready=True, look=look)], clock).live()

    assert not report.ok
    assert "secret" not in report.checks[0].finding.words


async def test_a_check_that_does_not_answer_in_time_has_failed(clock):
    async def look():
        await asyncio.Event().wait()
        raise AssertionError

    slow = HealthCheck("database", for_live=False, for_ready=True, look=look)
    report = await Health([slow], clock, deadline=timedelta(milliseconds=10)).ready()

    assert report.checks[0].finding.words == "no answer within 0.01 s"


async def test_a_finding_is_kept_for_two_seconds_and_ages_meanwhile(clock):
    looks = []

    async def look():
        looks.append(1)
        return Finding(ok=True, words="answers", age=timedelta(seconds=10))

    health = Health([HealthCheck("database", for_live=False, for_ready=True, look=look)], clock)
    await health.ready()
    clock.pass_by(1.5)
    kept = await health.ready()
    clock.pass_by(1.0)
    await health.ready()

    assert kept.checks[0].finding.age == timedelta(seconds=11.5)
    assert len(looks) == 2


async def test_many_probes_at_once_look_once(clock):
    looks = []

    async def look():
        looks.append(1)
        await asyncio.sleep(0)
        return Finding(ok=True, words="answers")

    health = Health([HealthCheck("database", for_live=False, for_ready=True, look=look)], clock)
    reports = await asyncio.gather(*(health.ready() for _ in range(20)))

    assert all(report.ok for report in reports)
    assert len(looks) == 1
