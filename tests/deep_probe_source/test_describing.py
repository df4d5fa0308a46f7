"""What the agent on a GPU node says of it."""

from __future__ import annotations

import pytest
from tests.deep_probe_source.machine import NODE, SIBLING, SUSPECT
from tests.node_service.conftest import Given

from gcm_sentinel.domain.entity import EntityKind
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.domain.node_agent import ProbePermission


async def test_gpus_and_permission_are_told(ask):
    result = await ask("describe_gpu_node", may_ask=ProbePermission.LIGHT)

    assert result.status is ResultStatus.OK
    assert [(gpu["uuid"], gpu["index"]) for gpu in result.summary["gpus"]] == [(SUSPECT.uuid, 0), (SIBLING.uuid, 1)]
    assert (result.summary["permission"], result.summary["we_may_ask"]) == ("deep", "light")
    assert [(one.kind, one.node) for one in result.entities] == [
        (EntityKind.NODE, NODE), (EntityKind.GPU, NODE), (EntityKind.GPU, NODE),
    ]  # fmt: skip


async def test_an_agent_of_another_node_is_not_believed(ask):
    result = await ask("describe_gpu_node", node_name="node-2")

    assert (result.status, result.entities) == (ResultStatus.ERROR, ())


async def test_a_node_without_gpus_is_told_as_such(ask, given: Given):
    given.telemetry.given = ()

    assert (await ask("describe_gpu_node")).status is ResultStatus.NO_DATA


class TestPartsMissing:
    """A machine on which not everything works."""

    @pytest.fixture
    def given(self) -> Given:
        return Given(prober=None, telemetry=None)

    async def test_are_named_and_no_absence_is_claimed(self, ask):
        result = await ask("describe_gpu_node")

        assert result.status is ResultStatus.UNAVAILABLE
        assert "there is no probes here" in result.note
