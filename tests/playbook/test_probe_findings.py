"""What probes and metrics say together: wrong only when warm, starved by full GPUs."""

from __future__ import annotations

import pytest
from tests.playbook.probing import ledger, tally
from tests.playbook.test_metric_findings import ask
from tests.playbook.test_silent_corruption import FMA

from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.llm.playbook.findings.metrics_view import find


@pytest.mark.parametrize(("coldest_at_all", "holds"), [(58.0, True), (74.0, False)])
def test_a_gpu_that_is_wrong_only_when_warm(sick, coldest_at_all, holds):
    case = sick().metrics({"GPU_TEMP": {2: {"minimum": coldest_at_all, "maximum": 80.0}}})
    hot = tally(FMA, "FAIL", 9, [case.uuid(2)], coldest_c=75.0, hottest_c=80.0)

    assert ask(ledger(case, "PROBE_RESULT", probes=[hot]), "fails_warm", 2).holds is holds


@pytest.mark.parametrize(("least_busy", "holds"), [(99.0, True), (40.0, False)])
def test_gpus_that_leave_probes_no_gap(sick, least_busy, holds):
    case = sick().metrics({"GPU_UTIL": {-1: {"last": 100.0}, 3: {"last": least_busy}}})

    assert ask(case, "gpus_full").holds is holds


def test_a_metric_that_no_word_stands_for_is_a_bug_and_not_a_gap_in_the_data(sick):
    with pytest.raises(Bug, match="no metric is called 'GPU_TEMP'"):
        find(sick().observed(), "GPU_TEMP")
