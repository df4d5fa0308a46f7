"""Alerts in the database: stored with what caused them, owed until delivered, listed, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Connection
from tests.sentinel_alerts.made import NOW_NS, SECOND_NS, alert, changed, failed, owing

from sentinel_gateway.alerts.outbox import Outbox
from sentinel_gateway.alerts.running import Alerting
from sentinel_gateway.domain.alert_settings import AlertSettings, PagerDutySettings, SlackSettings
from sentinel_gateway.domain.alerts import AlertChanges, Alerts, DeliveryState, Event, Group, GroupKey, Waiting
from sentinel_gateway.domain.happenings import AgentSilent, Heard, ProbesTakeTooMuch
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.storage import alert_rows
from sentinel_gateway.storage.database import Database

KEY = GroupKey("gpu_quarantined", "gpu/GPU-1")


def save(database: Database, changes: AlertChanges) -> None:
    with database.writing() as connection:
        alert_rows.save(connection, changes)


def save_and_fail(connection: Connection) -> None:
    """Fail in the middle of a round."""
    alert_rows.save(connection, owing(alert(), to=["slack"]))
    raise ZeroDivisionError


def owed(database: Database, channel: str = "slack") -> list[alert_rows.Owed]:
    with database.reading() as connection:
        return alert_rows.owed(connection, channel, 10)


def test_an_alert_comes_back_as_it_was_stored(either):
    told = alert(summary='"quoted"\n\u202eand hostile', held_back=3, count=2)

    save(either, owing(told, to=["slack", "webhook.a"]))

    assert [one.alert for one in owed(either)] == [told]
    assert [one.alert for one in owed(either, "webhook.a")] == [told]


def test_nothing_is_owed_where_the_round_was_not_stored(either):
    with pytest.raises(ZeroDivisionError), either.writing() as connection:
        save_and_fail(connection)

    assert owed(either) == []


def test_what_is_owed_comes_in_the_order_it_was_decided(either):
    save(either, owing(alert(2), alert(1), to=["slack"]))

    save(either, owing(alert(0), to=["slack"], now_ns=NOW_NS - SECOND_NS))

    assert [one.alert.alert_id for one in owed(either)] == [alert(number).alert_id for number in (2, 1, 0)]
    with either.reading() as connection:
        assert [one.alert.alert_id for one in alert_rows.newest(connection, 2)] == [
            alert(0).alert_id,
            alert(1).alert_id,
        ]


def test_what_is_held_and_its_end_are_owed_in_this_order_whatever_their_ids(either):
    part = alerting(either, ids=range(1000, 0, -1))
    round_of(part, either, changed(HealthState.QUARANTINED))
    round_of(part, either, changed(HealthState.QUARANTINED), at_s=10)
    round_of(part, either, changed(HealthState.HEALTHY, before=HealthState.QUARANTINED), at_s=20)

    told = [one.alert.event for one in owed(either, "pagerduty") if one.alert.key.rule == "gpu_quarantined"]
    assert told == [Event.TRIGGER, Event.TRIGGER, Event.RESOLVE]


def test_what_was_sent_or_given_up_is_not_owed_any_more(either):
    save(either, owing(alert(1), alert(2), alert(3), to=["slack"]))
    first, second, third = owed(either)

    with either.writing() as connection:
        alert_rows.finish(connection, first, DeliveryState.SENT, "ok", NOW_NS)
        alert_rows.finish(connection, second, DeliveryState.FAILED, "too old", NOW_NS)
        alert_rows.put_off(connection, third, NOW_NS + 5, "503")

    [left] = owed(either)
    assert (left.alert.alert_id, left.attempts, left.next_try_ns) == (alert(3).alert_id, 1, NOW_NS + 5)


def test_the_list_says_what_became_of_each(either):
    save(either, owing(alert(1), to=["slack", "email"]))
    with either.writing() as connection:
        alert_rows.finish(connection, owed(either)[0], DeliveryState.SENT, "ok", NOW_NS)
    with either.reading() as connection:
        [listed] = alert_rows.newest(connection, 10)
        pending = alert_rows.pending(connection)

    assert [(told.channel, told.state, told.words) for told in listed.told] == [
        ("email", DeliveryState.PENDING, ""),
        ("slack", DeliveryState.SENT, "ok"),
    ]
    assert pending == {"email": 1}


def test_groups_come_back_and_are_forgotten(either):
    group = Group(KEY, NOW_NS, 3, 4, is_open=True, waiting=Waiting(alert(), NOW_NS + 60, is_over_limit=True))
    save(either, AlertChanges(groups={KEY: group}))
    save(either, AlertChanges(groups={KEY: replace(group, held_back=5)}))

    with either.reading() as connection:
        assert alert_rows.load_groups(connection) == (replace(group, held_back=5),)
    save(either, AlertChanges(groups={KEY: None}))
    with either.reading() as connection:
        assert alert_rows.load_groups(connection) == ()


def test_old_alerts_are_forgotten_unless_somebody_is_owed_them(either):
    save(either, owing(alert(1), to=["slack"], now_ns=NOW_NS - 100))
    save(either, owing(alert(2), to=[], now_ns=NOW_NS - 100))
    save(either, owing(alert(3), to=[], now_ns=NOW_NS))

    with either.writing() as connection:
        assert alert_rows.forget(connection, NOW_NS, 10) == 1
    with either.reading() as connection:
        assert [one.alert.alert_id[-1] for one in alert_rows.newest(connection, 10)] == ["3", "1"]


def alerting(database: Database, ids: Sequence[int] = range(1, 1000)) -> Alerting:
    settings = AlertSettings(slack=SlackSettings("http://127.0.0.1:1/x"), pagerduty=PagerDutySettings("k" * 32))
    left = iter(ids)
    made = Alerting(
        settings, Outbox(database), lambda: NOW_NS, lambda _: alert(next(left)).alert_id, lambda *_, **__: None
    )
    made.fill({}, ())
    return made


def round_of(part: Alerts, database: Database, *happenings, at_s: float = 0) -> AlertChanges:
    changes = part.decide(happenings, NOW_NS + int(at_s * SECOND_NS))
    save(database, changes)
    part.committed(changes)
    return changes


def test_a_restart_remembers_what_was_told_and_what_is_held(either):
    before = alerting(either)
    round_of(before, either, failed(), changed(HealthState.QUARANTINED))
    round_of(before, either, changed(HealthState.QUARANTINED), at_s=10)

    after = alerting(either)

    assert round_of(after, either, failed(at_s=20), at_s=20).alerts == ()
    assert [one.key.rule for one in after.decide((), NOW_NS + 60 * SECOND_NS).alerts] == ["gpu_quarantined"]


def test_a_restart_remembers_which_agents_were_told_to_be_silent(either):
    round_of(alerting(either), either, AgentSilent(time_ns=NOW_NS, hostname="node-1"))
    part = alerting(either, ids=range(500, 510))
    part.fill({"node-1": NOW_NS - 200 * SECOND_NS}, ())

    back = round_of(part, either, Heard(time_ns=NOW_NS, hostname="node-1"), at_s=5)
    assert [(one.key.group, one.event) for one in back.alerts] == [("host/node-1", Event.RESOLVE)]


def test_a_restart_remembers_of_which_hosts_probes_take_too_much(either):
    hosts = [ProbesTakeTooMuch(time_ns=NOW_NS, hostname=name, overhead_pct=4.0) for name in ("node-1", "node-2")]
    before = alerting(either)
    round_of(before, either, *hosts)
    round_of(before, either, replace(hosts[0], overhead_pct=1.0, is_over=True), at_s=5)

    assert alerting(either).hosts_with_high_overhead() == ["node-2"]


def test_a_round_that_was_not_stored_is_decided_again(either):
    part = alerting(either)
    part.decide([failed()], NOW_NS)

    changes = round_of(part, either, failed())

    assert [one.key.rule for one in changes.alerts] == ["probe_single_failure"]
    assert len(owed(either)) == 1
