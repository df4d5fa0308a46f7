"""What waits for a person is told: directives, those that expired, GPUs that stay somewhere too long. And its end."""

from __future__ import annotations

import pytest
from tests.sentinel_alerts.made import Desk, changed, directive, overstayed
from tests.sentinel_alerts.test_rules import PAGE, rule

from sentinel_gateway.domain.alerts import Alert, Event, Severity
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import HealthState

WAITING, EXECUTED, DENIED, EXPIRED, OVERTAKEN, WITHDRAWN = DirectiveStatus
Q, D = HealthState.QUARANTINED, HealthState.DEEP_TEST
TOLD, OVER = Event.TRIGGER, Event.RESOLVE


def events(told: list[Alert]) -> list[tuple[str, Event]]:
    return [(one.key.rule, one.event) for one in told]


@pytest.mark.parametrize("name", ["directive_waiting", "directive_expired", "quarantine_timeout", "deep_test_timeout"])
def test_all_of_them_page_somebody(name):
    assert rule(name).severity is Severity.HIGH
    assert rule(name).media == PAGE


def test_a_directive_that_waits_is_told_at_once_in_words():
    [told] = Desk().told(directive(WAITING))

    assert events([told]) == [("directive_waiting", TOLD)]
    assert told.summary == "CONDEMN by jane is WAITING"
    assert told.facts["directive_id"] == "directive-1"


@pytest.mark.parametrize("status", [EXECUTED, DENIED, OVERTAKEN, WITHDRAWN], ids=lambda status: status.name)
def test_it_is_over_when_it_waits_no_more(status):
    desk = Desk()
    desk.told(directive(WAITING))

    assert events(desk.told(directive(status), at_s=5)) == [("directive_waiting", OVER)]


def test_each_directive_is_told_apart_also_of_the_same_gpu():
    desk = Desk()

    assert len(desk.told(directive(WAITING, 1), directive(WAITING, 2))) == 2
    [over] = desk.told(directive(DENIED, 1), at_s=5)
    assert over.key.group == "directive/directive-1"


def test_a_directive_that_never_waited_is_not_told():
    assert Desk().told(directive(EXECUTED)) == []


def test_a_directive_that_expired_is_told_and_waits_no_more():
    desk = Desk()
    desk.told(directive(WAITING))

    assert events(desk.told(directive(EXPIRED), at_s=86400)) == [
        ("directive_waiting", OVER),
        ("directive_expired", TOLD),
    ]


@pytest.mark.parametrize("status", [EXECUTED, DENIED], ids=lambda status: status.name)
def test_what_expired_is_over_when_somebody_decides_another_of_this_gpu(status):
    desk = Desk()
    desk.told(directive(EXPIRED))

    assert desk.told(directive(status, 3, gpu_number=1), directive(WITHDRAWN, 4), at_s=90) == []
    assert events(desk.told(directive(status, 2), at_s=100)) == [("directive_expired", OVER)]


@pytest.mark.parametrize(("state", "name"), [(Q, "quarantine_timeout"), (D, "deep_test_timeout")])
def test_a_gpu_that_stays_too_long_is_told_until_it_leaves(state, name):
    desk = Desk()
    [told] = desk.told(overstayed(state))

    assert (events([told]), told.facts["hours"]) == ([(name, TOLD)], "24")
    assert "nobody decided" in told.summary
    assert (name, OVER) in events(desk.told(changed(HealthState.CONDEMNED, before=state), at_s=5))
