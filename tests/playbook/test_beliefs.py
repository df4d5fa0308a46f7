"""The belief update: unknown never moves, order plays no part, names mean nothing, a malformed summary ends nothing."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.llm.playbook.beliefs import Findings, believe
from gcm_sentinel.llm.playbook.hypotheses import shipped
from gcm_sentinel.llm.playbook.observations import observe

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def weigh(case, evidence=None):
    """Fault class -> probability."""
    obs = observe(case.incident, case.evidence() if evidence is None else evidence)
    return {item.fault_class: item.probability for item in believe(shipped(), obs, Findings(obs))}


def off_bus(sick):
    case = sick(kind="GpuCount", message="GPU count bad 7/8").gone(1).info(allocatable=7)
    return case.kernel({"xid": 79, "gpu": 1, "ago": 41}, {"xid": 43, "gpu": 5, "ago": 70000})


@pytest.fixture(scope="module")
def undisturbed(sick):
    """What is believed of `off_bus` when nothing is done to it."""
    return weigh(off_bus(sick))


def test_probabilities_leave_room_for_a_cause_not_in_the_playbook(sick):
    total = sum(weigh(off_bus(sick)).values())

    assert 0.9 < total < 1.0


def test_a_lead_xid_carries_its_hypothesis(sick):
    assert weigh(off_bus(sick))[FaultClass.GPU_OFF_BUS] > 0.95


@RELAXED
@given(order=st.permutations(range(5)))
def test_the_order_of_evidence_plays_no_part(sick, undisturbed, order):
    case = off_bus(sick)
    evidence = case.evidence()

    assert weigh(case, tuple(evidence[place] for place in order)) == undisturbed


@RELAXED
@given(tool=st.sampled_from(["get_node_events", "query_alertmanager", "get_gcm_health", "query_dcgm_direct"]))
def test_a_source_that_does_not_answer_moves_nothing(sick, undisturbed, tool):
    assert weigh(off_bus(sick).fails(tool)) == undisturbed


@RELAXED
@given(name=st.from_regex(r"[a-z]{2,8}-[a-z0-9]{1,6}", fullmatch=True))
def test_renaming_the_node_changes_nothing(sick, undisturbed, name):
    case = off_bus(sick)
    renamed = json.loads(json.dumps([dataclasses.asdict(item) for item in _plain(case)]).replace(case.node, name))

    assert weigh(_moved(case, name), _evidence(case, renamed)) == undisturbed


def _plain(case):
    return [dataclasses.replace(item, result=dataclasses.replace(item.result, entities=()), observed_at=None)
            for item in case.evidence()]  # fmt: skip


def _moved(case, name):
    return dataclasses.replace(case, node=name)


def _evidence(case, rows):
    return tuple(
        dataclasses.replace(item, result=dataclasses.replace(item.result, summary=row["result"]["summary"]))
        for item, row in zip(case.evidence(), rows, strict=True)
    )


def _cut(value, draw_index):
    """The `draw_index`-th key of a nested summary removed."""
    keys = []

    def walk(part):
        if isinstance(part, dict):
            for key in part:
                keys.append((part, key))
                walk(part[key])
        elif isinstance(part, list):
            for item in part:
                walk(item)

    walk(value)
    part, key = keys[draw_index % len(keys)]
    del part[key]
    return value


@RELAXED
@given(place=st.integers(0, 4), index=st.integers(0, 3000))
def test_a_summary_with_a_missing_key_ends_no_investigation(sick, place, index):
    case = off_bus(sick)
    evidence = list(case.evidence())
    item = evidence[place]
    broken = _cut(json.loads(json.dumps(item.result.summary)), index)
    evidence[place] = dataclasses.replace(item, result=dataclasses.replace(item.result, summary=broken))

    assert weigh(case, tuple(evidence))


def test_findings_about_different_gpus_do_not_add_up(sick):
    spread = sick(kind="GpuCount", message="GPU count bad").gone(2).kernel({"xid": 79, "gpu": 1, "ago": 40})
    same = sick(kind="GpuCount", message="GPU count bad").gone(1).kernel({"xid": 79, "gpu": 1, "ago": 40})

    assert weigh(spread)[FaultClass.GPU_OFF_BUS] < weigh(same)[FaultClass.GPU_OFF_BUS]


@pytest.mark.parametrize("kind", ["GpuXid", "GpuEcc", "Ready", "SomethingNew"])
def test_a_trigger_alone_convicts_nobody(sick, kind):
    beliefs = weigh(sick(kind=kind, message=""), ())

    assert max(beliefs.values()) < 0.5


def test_evidence_values_are_what_the_fixture_says(sick):
    assert all(isinstance(item, Evidence) for item in sick().evidence())
