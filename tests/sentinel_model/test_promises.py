"""The command that shows what the model can do keeps its promises, and fails where one is broken."""

from __future__ import annotations

from random import Random
from xml.etree import ElementTree

import pytest

from gcm_sentinel.evals.bench.reliability import command
from gcm_sentinel.evals.bench.reliability.drawing import Axis, Limit, Line, chart
from gcm_sentinel.evals.bench.reliability.healthy import healthy
from gcm_sentinel.evals.bench.reliability.latency import DEAD, ONE_PERCENT, latency
from gcm_sentinel.evals.bench.reliability.promises import Promise
from gcm_sentinel.evals.bench.reliability.reference import CODED, DOCUMENTED, scored
from sentinel_gateway.model.verdicts import Step


def test_a_dead_sm_is_found_within_three_probe_cycles():
    run = latency(DEAD, range(20), 1)

    assert run.quarantine_h[-1] <= 3 / 60
    assert run.localised == 20


def test_an_sm_that_fails_one_probe_in_a_hundred_is_found_within_a_day():
    run = latency(ONE_PERCENT, range(20), 2)

    assert run.quarantine_h[-1] <= 24
    assert run.localised == 20


def test_nobody_of_a_healthy_fleet_is_taken_out_though_monitors_blame_some():
    steps = healthy(gpus=200, days=30, multiple=10, seed=3).steps

    assert steps[Step.SUSPECT]
    assert not {Step.QUARANTINE, Step.PROPOSE} & steps.keys()


@pytest.mark.parametrize("thresholds", [CODED, DOCUMENTED], ids=lambda one: one.name)
def test_the_reference_never_takes_out_a_dead_sm(thresholds):
    run = scored(DEAD, thresholds, days=1, seed=1)

    assert not {"QUARANTINED", "CONDEMNED"} & dict(run.reached).keys()


@pytest.mark.parametrize(("kept", "code"), [(True, 0), (False, 1)])
def test_a_broken_promise_is_an_error(kept, code):
    told = [Promise("a", "0", kept=True), Promise("b", "1", kept=kept)]

    assert command.exit_code(told) == code


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_promises_are_kept(capsys):
    assert command.main(["--quick"]) == 0
    assert "BROKEN" not in capsys.readouterr().out


def test_a_drawing_is_wellformed_and_stays_inside_its_frame():
    values = [(10 ** Random(n).uniform(-9, 9), 10 ** Random(-n).uniform(-9, 9)) for n in range(30)]  # noqa: S311
    drawing = chart("a < b", Axis(1e-3, 1, "x & y"), Axis(1, 1e3, "y"), [Line("l", tuple(values), 0)], [Limit(9, "m")])

    root = ElementTree.fromstring(drawing)  # noqa: S314 - our own text

    width, height = (float(one) for one in root.attrib["viewBox"].split()[2:])
    circles = [node.attrib for node in root.iter() if node.tag.endswith("circle")]
    assert len(circles) == 30
    assert all(0 <= float(one["cx"]) <= width and 0 <= float(one["cy"]) <= height for one in circles)
