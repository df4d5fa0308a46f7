"""What a probe finds follows from the facts: where, when, how warm, and how often."""

from __future__ import annotations

from typing import Any

from sentinel_fleet.node_agents.silicon import Look, Silicon
from sentinel_fleet.sentinel.facts import ErrorFact, FailFact, ProbeFact

SMS = 132


def look(**changes: Any) -> Look:
    wanted: dict[str, Any] = {
        "node": "a",
        "gpu": 0,
        "probe": "FMA",
        "at": 0.0,
        "celsius": 60.0,
        "executions": 1.0,
        "luck": ("x",),
    }
    return Look(**(wanted | changes))


def silicon(*facts: ProbeFact) -> Silicon:
    return Silicon(facts, SMS)


def fail(**changes: Any) -> FailFact:
    return FailFact.model_validate({"node": ["a"], "gpu": [0], "sm": [7], "at": "-1h", "share": 1.0} | changes)


def test_an_sm_that_always_fails_is_found_on_its_gpu_only():
    assert list(silicon(fail()).wrong(look())) == [7]
    assert not silicon(fail()).wrong(look(gpu=1))
    assert not silicon(fail()).wrong(look(node="b"))
    assert not silicon(fail(probes="AES")).wrong(look())


def test_what_ended_before_is_over_and_what_is_left_open_is_not():
    assert silicon(fail()).wrong(look(at=600.0))
    assert not silicon(fail(until="-30m")).wrong(look())
    assert not silicon(fail(at="5m", until="9m")).wrong(look())
    assert silicon(fail(at="5m", until="9m")).wrong(look(at=400.0))


def test_a_fault_of_the_warm_shows_only_there():
    assert not silicon(fail(above=74.0)).wrong(look(celsius=70.0))
    assert silicon(fail(above=74.0)).wrong(look(celsius=75.0))


def test_a_rare_fault_hides_from_a_light_run_and_not_from_a_deep_one():
    runs = [silicon(fail(share=0.01)).wrong(look(luck=(number,))) for number in range(200)]
    deep = [silicon(fail(share=0.01)).wrong(look(luck=(number,), executions=1024.0)) for number in range(200)]

    assert 0 < sum(map(bool, runs)) < 20
    assert all(deep)


def test_a_number_of_times_is_a_share_of_the_schedule():
    often = fail(share=None, times=30, probes="FMA")
    once = fail(share=None, times=1, probes="FMA")

    found = [[bool(silicon(fact).wrong(look(luck=(number,)))) for number in range(200)] for fact in (often, once)]

    assert 60 < sum(found[0]) < 140
    assert sum(found[1]) < 15


def test_memory_is_spoiled_by_a_fact_that_names_no_sm():
    assert silicon(fail(sm=None, probes="MEMORY")).spoiled(look(probe="MEMORY"))
    assert not silicon(fail()).spoiled(look(probe="MEMORY"))


def test_trouble_is_told_apart_from_a_wrong_answer():
    error = ErrorFact.model_validate({"node": ["a"], "at": "-1h", "share": 1.0})

    assert silicon(error).trouble(look()) is error
    assert not silicon(error).wrong(look())
    assert silicon(fail()).trouble(look()) is None
