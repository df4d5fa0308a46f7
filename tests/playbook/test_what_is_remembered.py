"""What several findings read is worked out once a turn, and for no other evidence than that of the turn."""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.llm.playbook.findings.kernel_view import hits
from gcm_sentinel.llm.playbook.findings.metrics_view import find, readings


def test_a_changed_copy_remembers_nothing(sick):
    obs = sick().gone(1).observed()
    assert readings(obs, "temp")

    changed = replace(obs, metrics=None)

    assert find(changed, "temp") is None
    assert readings(changed, "temp") == {}


def test_it_is_no_part_of_what_is_known(sick):
    case = sick().gone(1)
    read, unread = case.observed(), case.observed()

    readings(read, "temp")
    hits(read, None)

    assert read == unread
