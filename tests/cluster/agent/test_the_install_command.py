"""The install command of the documentation, word for word, and what the one who typed it looks at afterwards.

That its probes are answered was waited for before anything else (`agents.running`).
"""

from __future__ import annotations

import json


def test_its_verdict_is_found_by_its_reason(guide, cluster):
    shown = cluster.kubectl("get", "events", "-A", "--field-selector", "reason=GCMSentinel")

    (line,) = [line for line in shown.splitlines() if "node/guide-1" in line]
    assert "GCMSentinel" in line
    assert "[CRITICAL]" in line


def test_a_node_that_is_not_on_the_list_is_left_alone(guide):
    assert guide.events("elsewhere-1") == []


def test_its_log_shows_how_it_began(guide, cluster):
    shown = cluster.kubectl("logs", "-n", "monitoring", "-l", "app=gcm-sentinel", "--tail=-1")

    migrated, serving, started = [json.loads(line) for line in shown.splitlines()[:3]]
    assert (migrated["event"], serving["event"]) == ("storage.migrated", "http.serving")
    assert (started["event"], started["mode"], started["allowlist"]) == ("agent.started", "recommend", ["guide-1"])


def test_without_a_number_of_lines_kubectl_shows_the_last_ten_of_a_selection(guide, cluster):
    shown = cluster.kubectl("logs", "-n", "monitoring", "-l", "app=gcm-sentinel")

    assert shown.splitlines() == guide.container.lines()[-10:]
