"""What only time shows: failures on several SMs of a GPU, and agents that fell silent; also over a restart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from tests.sentinel_alerts.made import NOW_NS, SECOND_NS, failed, gpu

from sentinel_gateway.alerts.watching import Failure, Watching
from sentinel_gateway.domain.alert_rules import Thresholds
from sentinel_gateway.domain.happenings import AgentSilent, FailuresOnSms, Happening, Heard


def heard(hostname: str = "node-1") -> Heard:
    return Heard(time_ns=NOW_NS, hostname=hostname)


@dataclass
class Watch:
    """Rounds as the core has them: every five seconds one, also where nothing happens."""

    watching: Watching = field(default_factory=lambda: Watching(Thresholds()))
    at_s: float = 0

    def derived(self, *happenings: Happening, at_s: float = 0) -> list[Happening]:
        """What a round shows, after those that came before it."""
        while self.at_s + 5 < at_s:
            self.round_at(self.at_s + 5)
        return self.round_at(at_s, *happenings)

    def round_at(self, at_s: float, *happenings: Happening) -> list[Happening]:
        """What a round shows that is the next one."""
        self.at_s, now_ns = at_s, NOW_NS + int(at_s * SECOND_NS)
        seen = self.watching.look(happenings, now_ns)
        self.watching.keep(seen, now_ns)
        return seen.derived


def sms_of(found: list[Happening]) -> list[int]:
    return [one.sms for one in found if isinstance(one, FailuresOnSms)]


def silence_of(found: list[Happening]) -> list[tuple[str, bool]]:
    return [(one.hostname, one.is_over) for one in found if isinstance(one, AgentSilent)]


def test_sms_of_a_gpu_that_failed_within_ten_minutes_are_counted_together():
    watch = Watch()

    counts = [sms_of(watch.derived(failed(at_s=at, sm_id=sm), at_s=at))[0] for sm, at in ((1, 0), (2, 300), (3, 599))]

    assert counts == [1, 2, 3]


def test_an_sm_that_failed_earlier_does_not_count():
    watch = Watch()
    watch.derived(failed(sm_id=1))

    assert sms_of(watch.derived(failed(at_s=601, sm_id=2), at_s=601)) == [1]


def test_the_same_sm_counts_once_and_other_gpus_count_apart():
    found = Watch().derived(failed(sm_id=1), failed(sm_id=1), failed(1, sm_id=2))

    assert sms_of(found) == [1, 1]


def test_late_results_count_by_their_own_time():
    watch = Watch()
    watch.derived(failed(at_s=0, sm_id=1))

    late = replace(failed(sm_id=2), time_ns=NOW_NS - 700 * SECOND_NS)

    assert sms_of(watch.derived(late, at_s=5)) == [1]


def test_an_agent_is_silent_after_two_minutes_and_told_of_once():
    watch = Watch()
    watch.derived(heard())

    assert silence_of(watch.derived(at_s=119)) == []
    assert silence_of(watch.derived(at_s=120)) == [("node-1", False)]
    assert silence_of(watch.derived(at_s=500)) == []


def test_an_agent_that_is_heard_again_is_told_of():
    watch = Watch()
    watch.derived(heard())
    watch.derived(at_s=120)

    assert silence_of(watch.derived(heard(), at_s=130)) == [("node-1", True)]
    assert silence_of(watch.derived(at_s=250)) == [("node-1", False)]


def test_only_the_hosts_that_fell_silent_are_told_of():
    watch = Watch()
    watch.derived(heard("node-1"), heard("node-2"))
    watch.derived(heard("node-1"), at_s=100)

    assert silence_of(watch.derived(at_s=120)) == [("node-2", False)]


def test_a_round_that_was_not_stored_is_seen_again():
    watch = Watch()
    watch.derived(heard())
    watch.derived(at_s=115)
    lost = watch.watching.look([], NOW_NS + 120 * SECOND_NS)

    assert silence_of(lost.derived) == silence_of(watch.round_at(121)) == [("node-1", False)]


def test_after_a_restart_silence_counts_from_the_start():
    watch = Watch()
    watch.watching.fill({"node-1": NOW_NS - 3600 * SECOND_NS}, (), NOW_NS)

    assert silence_of(watch.derived(at_s=119)) == []
    assert silence_of(watch.derived(at_s=120)) == [("node-1", False)]


def test_after_a_restart_nobody_waits_for_hosts_that_are_gone_or_told_of():
    watch = Watch()
    last = {"gone": NOW_NS - 25 * 3600 * SECOND_NS, "silent": NOW_NS - 600 * SECOND_NS}
    watch.watching.fill(last, (), NOW_NS, ["silent"])

    assert silence_of(watch.derived(at_s=500)) == []
    assert silence_of(watch.derived(heard("silent"), at_s=501)) == [("silent", True)]


def test_after_a_restart_failures_before_it_count():
    watch = Watch()
    earlier = [Failure(gpu().uuid, sm_id, NOW_NS - 100 * SECOND_NS) for sm_id in (1, 2)]
    watch.watching.fill({}, earlier, NOW_NS)

    assert sms_of(watch.derived(failed(sm_id=3))) == [3]


HOSTS = [f"node-{number}" for number in range(40)]


@pytest.mark.parametrize("gap_s", [180, 86400, -3600], ids=["pause", "clock-forward", "clock-back"])
def test_after_a_gap_between_rounds_silence_counts_from_its_end(gap_s):
    watch = Watch()
    watch.derived(*map(heard, HOSTS))

    assert watch.round_at(gap_s, heard(HOSTS[0])) == []
    assert watch.derived(at_s=gap_s + 119) == []
    assert len(silence_of(watch.derived(at_s=gap_s + 120))) == len(HOSTS)


def test_after_rounds_that_could_not_be_stored_silence_counts_from_the_next_that_is():
    watch = Watch()
    watch.derived(*map(heard, HOSTS))
    watch.derived(at_s=115)
    watch.watching.missed()

    assert watch.round_at(121) == []
    assert watch.derived(at_s=240) == []
    assert len(silence_of(watch.derived(at_s=241))) == len(HOSTS)


def test_a_round_that_is_a_little_late_hides_no_silence():
    watch = Watch()
    watch.derived(heard())
    watch.derived(at_s=100)

    assert silence_of(watch.round_at(125)) == [("node-1", False)]


def test_who_was_told_to_be_silent_is_not_told_again_after_a_gap():
    watch = Watch()
    watch.derived(heard())
    watch.derived(at_s=120)

    assert watch.round_at(400) == []
    assert watch.derived(at_s=600) == []
    assert silence_of(watch.derived(heard(), at_s=601)) == [("node-1", True)]
