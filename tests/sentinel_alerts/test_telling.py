"""When an alert is told at once, when it is held, kept back or summed up, and when it is over."""

from __future__ import annotations

from datetime import timedelta

from tests.sentinel_alerts.made import NOW_NS, Desk, changed, failed, gpu, silent, telemetry
from tests.sentinel_alerts.test_rules import cause

from sentinel_gateway.alerts.judging import Judge, Rules
from sentinel_gateway.domain.alert_settings import AlertSettings, RuleChange
from sentinel_gateway.domain.alerts import Event, Severity
from sentinel_gateway.domain.happenings import FleetRate, LedgerVerified
from sentinel_gateway.domain.health import HealthState

Q, C, H = HealthState.QUARANTINED, HealthState.CONDEMNED, HealthState.HEALTHY


def test_the_first_is_told_at_once_and_the_next_within_the_cooldown_are_not():
    desk = Desk()

    assert desk.rules(failed()) == ["probe_single_failure"]
    assert desk.rules(failed(at_s=100), at_s=100) == []
    assert desk.judged(failed(at_s=200), at_s=200).kept_back == ["probe_single_failure"]


def test_the_next_message_says_how_many_were_kept_back():
    desk = Desk()
    desk.told(failed())
    desk.told(failed(at_s=1), failed(at_s=2), at_s=2)

    [told] = desk.told(failed(at_s=300), at_s=300)

    assert (told.held_back, told.count) == (2, 1)


def test_other_gpus_are_told_of_whatever_is_cooling_down():
    desk = Desk()
    desk.told(failed(0))

    assert desk.rules(failed(1), at_s=1) == ["probe_single_failure"]


def test_without_a_cooldown_the_same_again_is_one_message_with_a_count_after_a_minute():
    desk = Desk()
    desk.told(changed(Q))
    desk.told(changed(Q), at_s=10)
    desk.told(changed(Q), at_s=20)

    assert desk.told(at_s=59) == []
    [told] = desk.told(at_s=60)
    assert (told.key.rule, told.count, told.held_back) == ("gpu_quarantined", 2, 0)


def test_a_held_message_names_first_and_last_time_and_the_evidence():
    desk = Desk(AlertSettings(rules={"probe_single_failure": RuleChange(cooldown=timedelta(0))}))
    desk.told(failed())
    desk.told(failed(at_s=10), at_s=10)
    desk.told(failed(at_s=20), at_s=20)

    [told] = desk.told(at_s=60)

    assert (told.first_ns - NOW_NS, told.last_ns - NOW_NS) == (10 * 10**9, 20 * 10**9)
    assert told.evidence == ("run-10", "run-20")


def test_nothing_is_held_where_aggregation_is_off():
    desk = Desk(AlertSettings(aggregate_window=timedelta(0)))
    desk.told(changed(Q))

    assert desk.rules(changed(Q), at_s=1) == ["gpu_quarantined"]


def test_what_exceeds_the_limit_per_minute_is_one_message_when_the_minute_is_over():
    desk = Desk(AlertSettings(max_alerts_per_minute=2))

    first = desk.judged(*(failed(number) for number in range(5)))
    later = desk.told(at_s=60)

    assert (len(first.alerts), first.over_limit) == (2, ["probe_single_failure"] * 3)
    assert [(told.key.rule, told.count) for told in later] == [("alerts_over_limit", 3)]
    assert "probe_single_failure (3)" in later[0].summary
    assert all(gpu(number).uuid in later[0].facts["about"] for number in (2, 3, 4))


def test_the_worst_are_told_first_where_there_is_not_room_for_all():
    desk = Desk(AlertSettings(max_alerts_per_minute=1))

    assert desk.rules(failed(0), changed(C, 1)) == ["gpu_condemned"]


def test_a_floor_under_all_cooldowns_can_be_set():
    desk = Desk(AlertSettings(rate_limit=timedelta(seconds=300)))
    desk.told(changed(Q))

    assert desk.told(changed(Q), at_s=100) == []
    assert desk.told(changed(Q), at_s=300)[0].held_back == 1


def test_a_counter_is_told_of_only_when_it_rises():
    desk = Desk()

    assert [told.facts["uncorrected"] for told in desk.told(telemetry(uncorrected=1))] == ["1"]
    assert desk.told(telemetry(uncorrected=1), at_s=100) == []
    assert [told.facts["uncorrected"] for told in desk.told(telemetry(uncorrected=3), at_s=200)] == ["3"]


def test_a_counter_that_began_anew_is_told_of_again():
    desk = Desk()
    desk.told(telemetry(uncorrected=5))
    desk.told(telemetry(uncorrected=0), at_s=100)

    assert desk.rules(telemetry(uncorrected=1), at_s=200) == ["gpu_ecc_uncorrected"]


def test_a_rise_within_the_cooldown_is_told_when_that_is_over():
    desk = Desk()
    desk.told(telemetry(retired_pages=1))
    desk.told(telemetry(retired_pages=2), at_s=10)

    assert desk.told(telemetry(retired_pages=2), at_s=3599) == []
    assert [told.facts["retired_pages"] for told in desk.told(at_s=3600)] == ["2"]


def test_an_agent_that_stays_silent_is_told_of_once_and_its_return_ends_it():
    desk = Desk()

    assert [told.event for told in desk.told(silent())] == [Event.TRIGGER]
    assert [told.event for told in desk.told(silent(is_over=True), at_s=500)] == [Event.RESOLVE]
    assert desk.told(silent(is_over=True), at_s=501) == []


def test_an_agent_that_falls_silent_again_while_cooling_down_is_told_of_later():
    desk = Desk()
    desk.told(silent())
    desk.told(silent(is_over=True), at_s=10)
    desk.told(silent(), at_s=140)

    assert desk.told(at_s=299) == []
    assert desk.rules(at_s=300) == ["agent_heartbeat_lost"]


def test_an_agent_that_is_back_before_it_was_told_of_is_not_told_of():
    desk = Desk()
    desk.told(silent())
    desk.told(silent(is_over=True), at_s=10)
    desk.told(silent(), at_s=140)
    desk.told(silent(is_over=True), at_s=150)

    assert desk.told(at_s=300) == []


def test_everything_told_of_a_gpu_is_over_when_it_is_reinstated():
    desk = Desk()
    desk.told(failed())
    desk.told(changed(Q))

    told = desk.told(changed(H, before=Q), at_s=500)

    assert [(one.key.rule, one.event) for one in told] == [
        ("gpu_reinstated", Event.TRIGGER),
        ("probe_single_failure", Event.RESOLVE),
        ("gpu_quarantined", Event.RESOLVE),
    ]


def test_what_is_held_of_a_gpu_is_told_before_its_end():
    desk = Desk()
    desk.told(changed(Q))
    desk.told(changed(Q), at_s=10)

    told = [one for one in desk.told(changed(H, before=Q), at_s=20) if one.key.rule == "gpu_quarantined"]

    assert [one.event for one in told] == [Event.TRIGGER, Event.RESOLVE]
    assert desk.told(at_s=100) == []


def test_other_gpus_stay_as_they_are_when_one_is_reinstated():
    desk = Desk()
    desk.told(changed(Q, 1))

    assert desk.rules(changed(H, 0, before=Q)) == ["gpu_reinstated"]


def test_a_common_cause_a_rate_and_a_broken_ledger_end_by_themselves():
    desk = Desk()
    begun = desk.told(
        cause("rollout"), FleetRate(time_ns=NOW_NS, rate=1, gpus=8), LedgerVerified(time_ns=NOW_NS, valid=False)
    )

    over = desk.told(
        cause("rollout", is_over=True),
        FleetRate(time_ns=NOW_NS, rate=0, gpus=8),
        LedgerVerified(time_ns=NOW_NS, valid=True),
        at_s=90,
    )

    assert {one.key for one in begun} == {one.key for one in over}
    assert {one.event for one in over} == {Event.RESOLVE}


def test_a_rule_can_be_switched_off_and_changed():
    changes = {"probe_single_failure": RuleChange(enabled=False), "gpu_quarantined": RuleChange(severity=Severity.INFO)}
    desk = Desk(AlertSettings(rules=changes))

    told = desk.told(failed(), changed(Q))

    assert [(one.key.rule, one.severity) for one in told] == [("gpu_quarantined", Severity.INFO)]


def test_a_clock_that_was_ahead_does_not_silence_anything():
    desk = Desk()
    desk.told(failed(), at_s=86400 * 365)

    assert desk.rules(failed(), at_s=0) == ["probe_single_failure"]


def test_what_was_judged_holds_only_when_it_is_kept():
    desk = Desk()
    judge = Judge(Rules(desk.settings), desk.memory, NOW_NS)
    assert len(judge.judge([failed()]).alerts) == 1

    assert desk.rules(failed()) == ["probe_single_failure"]


def test_groups_that_decide_nothing_any_more_are_forgotten():
    desk = Desk()
    desk.told(changed(H, 0, before=Q), failed(1))

    assert [key.rule for key in desk.memory.quiet(NOW_NS + 2 * 86400 * 10**9)] == ["gpu_reinstated"]
    assert len(list(desk.memory.quiet(NOW_NS + 31 * 86400 * 10**9))) == 2
