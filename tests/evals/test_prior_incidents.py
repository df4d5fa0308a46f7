"""The prior incidents of a scenario as the agent's own history, and as a store would answer about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gcm_sentinel.app.prior_incidents import PriorIncidents, history_of, past_incidents
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.entity import gpu
from gcm_sentinel.domain.errors import BadConfiguration, Unreachable
from gcm_sentinel.domain.history import HistoryQuery, PastIncident
from sentinel_fleet.scenario import load

SCENARIOS = Path(__file__).parents[2] / "evals" / "scenarios"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def world(name="pmu-halt-repeats", variant=None):
    return load(SCENARIOS / name).realise(1, NOW.timestamp(), variant)


def past(days, part="GPU-a", node="n1", **told):
    opened = NOW - timedelta(days=days)
    words = {"fault_class": "gsp_hang", "closed_at": opened + timedelta(hours=1), **told}
    parts = (gpu(node, index=0, uuid=part, serial=f"S-{part}"),)
    return PastIncident(
        f"inc-{days}", node, opened, words["closed_at"], (), words["fault_class"], Severity.CRITICAL, 0.9, "", "", parts
    )


STORE = PriorIncidents([past(3), past(9, "GPU-b"), past(30, fault_class="gpu_off_bus"), past(5, node="n10")])
EVER = NOW - timedelta(days=90)


@pytest.mark.parametrize("folder", sorted(SCENARIOS.iterdir()), ids=lambda path: path.name)
def test_every_scenario_speaks_the_agents_words(folder):
    scenario = load(folder)

    for variant in (None, *scenario.variants):
        past_incidents(scenario.realise(1, NOW.timestamp(), variant))


def test_a_repair_is_told_as_storage_tells_it():
    (incident, *_) = past_incidents(world())

    action, moment, result = incident.actions_taken[0].split()
    assert (action, result) == ("reset-gpu", "verified")
    assert datetime.fromisoformat(moment) == incident.opened_at + timedelta(hours=1)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["inc-3", "inc-5", "inc-9", "inc-30"]),
        ({"node": "n1"}, ["inc-3", "inc-9", "inc-30"]),
        ({"part": "GPU-b"}, ["inc-9"]),
        ({"part": "S-GPU-b"}, ["inc-9"]),
        ({"fault_class": "gpu_off_bus"}, ["inc-30"]),
        ({"excluding": "inc-3", "node": "n1"}, ["inc-9", "inc-30"]),
        ({"since": NOW - timedelta(days=6)}, ["inc-3", "inc-5"]),
        ({"limit": 1}, ["inc-3"]),
    ],
    ids=["all", "node", "uuid", "serial", "class", "excluding", "since", "limit"],
)
async def test_each_field_of_a_query_narrows(asked, found):
    incidents = await STORE.past(HistoryQuery(**{"since": EVER, **asked}))

    assert [incident.incident_id for incident in incidents] == found


async def test_reaches_back_to_the_oldest():
    assert await STORE.kept_since() == NOW - timedelta(days=30)
    assert await PriorIncidents(()).kept_since() is None


async def test_records_taken_away_cannot_be_read():
    history = history_of(world("pmu-halt-other-part", "records-out-of-reach"))

    with pytest.raises(Unreachable):
        await history.past(HistoryQuery(EVER))
    with pytest.raises(Unreachable):
        await history.kept_since()


@pytest.mark.parametrize(
    "wrong", ["fault_class: bad_luck", "severity: awful", "action: kick", "entities: [{kind: toaster}]"]
)
def test_a_word_the_agent_does_not_know_is_an_error_of_the_scenario(tmp_path, wrong):
    text = (SCENARIOS / "pmu-halt-repeats" / "scenario.yaml").read_text()
    head, _, tail = text.partition("prior_incidents:\n")
    rest = tail[tail.index("\ndistractors:") :]
    file = tmp_path / "case.yaml"
    own = 'prior_incidents:\n  - {at: -1d, node: "${node}", fault_class: gsp_hang}\n'
    own = own.replace("fault_class: gsp_hang", wrong if "fault_class" in wrong else f"fault_class: gsp_hang, {wrong}")
    file.write_text(head + own + rest)

    with pytest.raises(BadConfiguration, match="prior_incidents"):
        past_incidents(load(file).realise(1, NOW.timestamp()))
