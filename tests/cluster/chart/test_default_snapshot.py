"""What the chart makes when nothing is set, kept as a file so that a change to it is seen as what it does.

Written anew by ``helm template gcm-sentinel charts/gcm-sentinel --namespace monitoring``, into default.yaml beside this
file.
"""

from __future__ import annotations

from pathlib import Path

from tests.cluster.chart.rendering import CHART, NAMESPACE, helm

KEPT = Path(__file__).with_name("default.yaml")


def test_with_nothing_set_the_chart_makes_what_is_kept():
    made = helm("template", "gcm-sentinel", str(CHART), "--namespace", NAMESPACE).stdout

    assert made == KEPT.read_text()
