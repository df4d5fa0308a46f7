"""What the chart lets the agent do is what the code says; the roles themselves are rendered in tests/cluster/chart."""

from __future__ import annotations

import re

import pytest
import yaml
from tests.charts.chart import CHART, OWNERS, defined, granted

from gcm_sentinel.app.doctor_rights import RIGHTS
from gcm_sentinel.domain.modes import Effect
from gcm_sentinel.domain.operations import DECLARED, Operation, Permission


def test_every_mode_reads_what_the_agent_reads_and_nothing_more():
    plain = "\n".join(line for line in defined("gcm-sentinel.readRules").splitlines() if "{{" not in line)

    reads = {(right.group, right.resource, right.verb) for right in RIGHTS if right.effect is Effect.READ}
    assert granted(yaml.safe_load(plain)) == reads | OWNERS


def test_the_reading_role_has_no_verb_that_writes():
    verbs = set(re.findall(r"verbs: \[(.*?)\]", defined("gcm-sentinel.readRules")))

    assert {verb for found in verbs for verb in found.split(", ")} == {"get", "list", "watch"}


@pytest.mark.parametrize("operation", list(Operation))
def test_an_operation_is_granted_what_it_declares(operation):
    made = yaml.safe_load((CHART / "files" / "operations.yaml").read_text())

    needs = {Permission(**need) for need in made[str(operation)]}
    assert needs == set(DECLARED[operation].permissions)


@pytest.mark.parametrize("declared", [one for one in DECLARED.values() if one.undo], ids=lambda one: one.operation)
def test_what_undoes_an_operation_needs_no_right_more(declared):
    assert set(DECLARED[declared.undo].permissions) <= set(declared.permissions)
