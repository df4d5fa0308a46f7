"""Announced work: found under any reasonable key, dated, and believed only from those who administer nodes."""

from __future__ import annotations

import pytest

from gcm_sentinel.datasources import kubernetes


async def notices(cluster, ask, by="kubectl-annotate", **annotations):
    cluster.node("gpu-1", manager="kubelet")
    cluster.node(
        "gpu-1",
        annotations={key.replace("__", "/").replace("_", "-"): text for key, text in annotations.items()},
        manager=by,
    )
    return (await ask(kubernetes, "get_node_info")).summary["maintenance"]


@pytest.mark.parametrize(
    ("value", "state", "starts_at", "ends_at"),
    [
        ("2026-11-20T19:00:00Z/2026-11-20T21:00:00Z", "active", "2026-11-20T19:00:00Z", "2026-11-20T21:00:00Z"),
        ("CHG-5521 19:00-21:00", "active", "2026-11-20T19:00:00Z", "2026-11-20T21:00:00Z"),
        ("CHG-5521 01:00–03:00", "upcoming", "2026-11-21T01:00:00Z", "2026-11-21T03:00:00Z"),
        ("23:00-01:00", "upcoming", "2026-11-20T23:00:00Z", "2026-11-21T01:00:00Z"),
        ("2026-11-20T14:00:00Z to 2026-11-20T16:00:00Z", "over", "2026-11-20T14:00:00Z", "2026-11-20T16:00:00Z"),
        ('{"from": "2026-11-20T20:30+01:00", "end": 1}', "active", "2026-11-20T19:30:00Z", None),
        ("until 2026-11-20T21:00:00Z", "active", None, "2026-11-20T21:00:00Z"),
        ("1795208400", "upcoming", "2026-11-20T21:00:00Z", None),
        ("CHG-5521", "undated", None, None),
        ("99:99-12:00", "undated", None, None),
    ],
)  # fmt: skip
async def test_reads_the_usual_spellings_of_a_window(cluster, ask, value, state, starts_at, ends_at):
    (notice,) = await notices(cluster, ask, ops__maintenance=value)

    assert (notice["state"], notice["starts_at"], notice["ends_at"]) == (state, starts_at, ends_at)
    assert notice["value"] == value


async def test_start_end_and_ticket_of_one_domain_are_one_notice(cluster, ask):
    (notice,) = await notices(
        cluster,
        ask,
        maintenance__change="CHG-5521",
        maintenance__window_start="2026-11-20T19:15:00Z",
        maintenance__window_end="2026-11-20T21:00:00Z",
    )

    assert (notice["state"], notice["ends_at"]) == ("active", "2026-11-20T21:00:00Z")
    assert "CHG-5521" in notice["value"]
    assert notice["trusted"]


@pytest.mark.parametrize(
    ("writer", "trusted"),
    [
        ("kubectl-annotate", True),
        ("kubectl", True),
        ("maintenance-operator", True),
        ("cloud-node-manager", True),
        ("python-requests", False),
        ("OpenAPI-Generator", False),
        ("system:serviceaccount:team-a:default", False),
        ("curl", False),
        ("trainer", False),
    ],
)
async def test_only_those_who_administer_nodes_are_believed(cluster, ask, writer, trusted):
    (notice,) = await notices(cluster, ask, by=writer, ops__maintenance="19:00-21:00")

    assert (notice["set_by"], notice["trusted"]) == (writer, trusted)


async def test_a_notice_put_together_from_two_writers_is_as_good_as_the_worse(cluster, ask):
    cluster.node("gpu-1", annotations={"maintenance/start": "2026-11-20T19:00:00Z"}, manager="kubectl-annotate")
    cluster.node("gpu-1", annotations={"maintenance/end": "2026-11-30T00:00:00Z"}, manager="trainer")

    (notice,) = (await ask(kubernetes, "get_node_info")).summary["maintenance"]

    assert (notice["trusted"], notice["set_by"]) == (False, "trainer")


async def test_ordinary_keys_are_no_notice(cluster, ask):
    found = await notices(
        cluster, ask, nvidia_com__gpu_deploy="true", csi__nodeid="{}", k8s_io__last_exchange="2026-11-20T19:00:00Z"
    )

    assert found == []
