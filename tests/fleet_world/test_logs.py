"""Kernel logs, unit journals and pod logs: what facts say, merged by time into an ordinary background."""

from __future__ import annotations

import re
from typing import Any

import pytest

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 (\S+) kernel: \[ *(\d+\.\d{6})\] (.+)$")
JOB: dict[str, Any] = {
    "node": {"node": {}},
    "other": {"node": {}},
    "job": {"workload": {"on": ["node", "other"], "age": "2h"}},
}


def _parsed(line):
    match = LINE.fullmatch(line)
    assert match is not None, line
    return match


def _kernel(at, *lines, **more):
    return {"kernel": {"node": "${node}", "at": at, "lines": list(lines), **more}}


def _texts(world, until=None):
    log = world.logs.kernel_log(world.trigger.node, world.anchor if until is None else until)
    return [_parsed(line)[3] for line in log]


def test_every_line_has_rsyslogs_shape_and_the_nodes_name(make_world):
    world = make_world([_kernel("-40s", "NVRM: something")])

    matches = [_parsed(line) for line in world.logs.kernel_log(world.trigger.node, world.anchor)]

    assert {match[1] for match in matches} == {world.trigger.node}
    assert matches[0][3].startswith("Linux version 6.8.0-")


def test_lines_are_in_order_of_time(make_world):
    world = make_world([_kernel("-10s", "third"), _kernel("-2d", "first"), _kernel("-40m", "second")])

    stamps = [line[:32] for line in world.logs.kernel_log(world.trigger.node, world.anchor)]

    assert stamps == sorted(stamps)
    assert [text for text in _texts(world) if text in ("first", "second", "third")] == ["first", "second", "third"]


def test_the_future_is_not_in_the_log_yet(make_world):
    world = make_world([_kernel("+30s", "to come")])

    assert "to come" not in _texts(world)
    assert "to come" in _texts(world, world.anchor + 31)


def test_a_burst_is_spread_over_its_time(make_world):
    world = make_world([_kernel("-60s", "AER", "RxErr", repeat=20, over="40s")])

    log = [line for line in world.logs.kernel_log(world.trigger.node, world.anchor) if line.endswith("AER")]

    uptimes = [float(_parsed(line)[2]) for line in log]
    assert len(uptimes) == 20
    assert 30 < uptimes[-1] - uptimes[0] < 40


@pytest.mark.parametrize("clean", [True, False], ids=["orderly", "sudden"])
def test_a_boot_shows_whether_the_one_before_ended_in_order(make_world, clean):
    world = make_world([{"boot": {"node": "${node}", "at": "-1h", "clean": clean}}])

    texts = _texts(world)

    assert sum(text.startswith("Linux version") for text in texts) == 2
    assert ("reboot: Restarting system" in texts) is clean


def test_the_monotonic_stamp_starts_again_with_a_boot(make_world):
    facts = [
        _kernel("-2h", "old boot", boot=-1),
        {"boot": {"node": "${node}", "at": "-1h", "clean": True}},
        _kernel("-50m", "new boot"),
    ]
    world = make_world(facts)

    log = world.logs.kernel_log(world.trigger.node, world.anchor)

    uptime = {match[3]: float(match[2]) for match in map(_parsed, log)}
    assert uptime["new boot"] == pytest.approx(600, abs=1)
    assert uptime["old boot"] > 80_000


def test_a_wrong_clock_shows_in_stamps_and_metric(make_world, read):
    facts = [{"clock": {"node": "${node}", "at": "-30m", "offset": "412s"}}, _kernel("-60s", "skewed")]
    world = make_world(facts)

    line = world.logs.kernel_log(world.trigger.node, world.anchor)[-1]

    assert line.endswith("skewed")
    assert line.startswith("2026-09-21T14:19:12")
    offset = read(world, "node_timex_offset_seconds", by="node", node=world.trigger.node)[world.trigger.node]
    assert offset[-1][1] == pytest.approx(412, abs=0.001)


def test_a_failed_unit_says_why_and_then_no_more(make_world, read):
    fact = {
        "service": {"node": "${node}", "unit": "kubelet", "at": "-2h", "state": "failed", "lines": ["x509: expired"]}
    }
    world = make_world([fact])
    node = world.trigger.node

    log = world.logs.unit_log(node, "kubelet.service", world.anchor)

    assert re.fullmatch(rf"2026-\S+Z {node} kubelet\[\d+\]: x509: expired", log[-1])
    assert len(log) > 20
    states = read(world, "node_systemd_unit_state", by="state", node=node, name="kubelet.service")
    assert (states["failed"][-1][1], states["active"][-1][1]) == (1.0, 0.0)


def test_a_unit_that_facts_name_has_a_journal(make_world):
    world = make_world([{"service": {"node": "${node}", "unit": "slurmd", "at": "-2h", "lines": ["up"]}}])

    assert "slurmd" in world.logs.units(world.trigger.node)
    assert world.logs.unit_log(world.trigger.node, "no-such-unit", world.anchor) == []


def test_a_training_job_logs_its_steps_until_it_stalls(make_world):
    stall = {"workload_log": {"workload": "${job}", "node": "${node}", "at": "-10m", "stall": True, "lines": ["hung"]}}
    world = make_world([stall], draw=JOB)
    job = world.plan.workloads[0]

    stalled, going = (
        world.logs.pod_log(job.namespace, pod.name, job.container, previous=False, until=world.anchor)
        for pod in job.pods
    )

    assert stalled[-1] == (pytest.approx(world.anchor - 600), "hung")
    assert "step" in going[-1][1]
    assert going[-1][0] > world.anchor - 60


def test_a_previous_container_has_a_log_only_if_there_was_one(make_world):
    names = {"pod": "${job.pod}", "namespace": "${job.namespace}"}
    world = make_world([{"pod_log": {**names, "at": "-1h", "previous": True, "lines": ["died"]}}], draw=JOB)
    job = world.plan.workloads[0]

    logs = [
        world.logs.pod_log(job.namespace, pod.name, job.container, previous=True, until=world.anchor)
        for pod in job.pods
    ]

    assert [text for _, text in logs[0]] == ["died"]
    assert logs[1] is None


@pytest.mark.parametrize(
    ("pod", "container"), [("no-such-pod", "main"), ("${first}", "no-such-container")], ids=["pod", "container"]
)
def test_there_is_no_log_of_what_never_ran(make_world, pod, container):
    world = make_world(draw=JOB)
    job = world.plan.workloads[0]
    name = job.pods[0].name if pod == "${first}" else pod

    assert world.logs.pod_log(job.namespace, name, container, previous=False, until=world.anchor) is None


def test_a_daemonset_pod_can_be_given_lines(make_world):
    draw = {"node": {"node": {}}, "plugin": {"daemonset_pod": {"of": "nvidia-device-plugin-daemonset", "on": "node"}}}
    fact = {"pod_log": {"pod": "${plugin}", "namespace": "${plugin.namespace}", "at": "-1m", "lines": ["unhealthy"]}}
    world = make_world([fact], draw=draw)

    log = world.logs.pod_log(
        "gpu-operator", world.names["plugin"], "nvidia-device-plugin", previous=False, until=world.anchor
    )

    assert log[-1][1] == "unhealthy"
    assert len(log) > 1
