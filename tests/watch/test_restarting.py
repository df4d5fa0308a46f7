"""After a restart: what storage knows is compared with what is there, as if the watcher had never been away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.domain.trigger import TriggerStatus

T1, T2 = "2026-11-20T19:01:00Z", "2026-11-20T19:02:00Z"
AT1 = datetime(2026, 11, 20, 19, 1, tzinfo=UTC)


@pytest.fixture
def known(cluster):
    """gpu-1 has a known Xid problem; the cluster still has the node, and nothing else wrong."""
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    uid = cluster.store.get("nodes", "gpu-1")["metadata"]["uid"]
    return Symptom("gpu-1", "GpuXid", Family.XID, TriggerStatus.PROBLEM, AT1, node_uid=uid)


async def test_a_problem_that_is_still_there_is_not_told_again(cluster, start, known):
    cluster.node("gpu-2", ("GpuCount", "True", T2))

    told = await start(cluster, known=[known])
    await told.following(cluster)

    assert told.lines == ["gpu-2 GpuCount problem"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([("GpuXid", "False", T2)], ["gpu-1 GpuXid recovered"]),
        ([], ["gpu-1 GpuXid recovered"]),
        ([("GpuXid", "True", T2)], ["gpu-1 GpuXid problem"]),
        ([("GpuXid", "Unknown", T2)], ["gpu-1 GpuXid unknown"]),
    ],
    ids=["recovered", "condition removed", "went away and came back", "became unknown"],
)
async def test_what_happened_while_it_was_away_is_told(cluster, start, known, conditions, expected):
    cluster.node("gpu-1", *conditions)

    told = await start(cluster, known=[known])

    assert await told.count(1) == expected
    await told.following(cluster)
    assert told.lines == expected


async def test_the_problems_of_a_node_deleted_meanwhile_recover(cluster, start, known):
    cluster.store.delete("nodes", "gpu-1")

    told = await start(cluster, known=[known])

    assert await told.count(1) == ["gpu-1 GpuXid recovered"]
    assert (told.triggers[0].reason, told.triggers[0].node_uid) == ("NodeDeleted", known.node_uid)


async def test_a_node_created_anew_meanwhile_recovers_and_fires(cluster, start, known):
    cluster.store.delete("nodes", "gpu-1")
    cluster.node("gpu-1", ("GpuXid", "True", T1))

    told = await start(cluster, known=[known])

    assert await told.count(2) == ["gpu-1 GpuXid recovered", "gpu-1 GpuXid problem"]
    assert [trigger.node_uid == known.node_uid for trigger in told.triggers] == [True, False]


async def test_a_known_problem_ends_also_when_its_node_has_left_the_allow_list(cluster, start, known):
    told = await start(cluster, known=[known], allowlist=("gpu-9",))
    await told.following(cluster)

    cluster.node("gpu-1", ("GpuXid", "False", T2), ("GpuCount", "True", T2))

    assert await told.count(1) == ["gpu-1 GpuXid recovered"]
    assert told.lines == ["gpu-1 GpuXid recovered"]
