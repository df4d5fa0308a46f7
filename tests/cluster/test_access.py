"""What a service account may do, and what the audit log says that it did."""

from __future__ import annotations

import pytest
from tests.cluster.control_plane import write_kubeconfig

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.errors import Forbidden, Refused
from gcm_sentinel.domain.modes import Mode

NODES = "/api/v1/nodes"
MERGE = "application/merge-patch+json"
MAY_LOOK = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}
CORDON = {"spec": {"unschedulable": True}}


def user(namespace):
    return f"system:serviceaccount:{namespace}:agent"


async def test_an_account_reads_what_its_role_says(as_account, make_node):
    name = make_node()
    client = await as_account(MAY_LOOK)

    assert (await client.get(f"{NODES}/{name}"))["metadata"]["name"] == name


async def test_a_write_its_role_does_not_have_is_refused_by_the_server(as_account, make_node, namespace):
    name = make_node()
    client = await as_account(MAY_LOOK)

    with pytest.raises(Forbidden, match=f'User "{user(namespace)}" cannot patch resource "nodes"'):
        await client.patch(f"{NODES}/{name}", CORDON, content_type=MERGE)


async def test_the_audit_log_tells_what_it_asked_for_and_was_refused(cluster, as_account, make_node, namespace):
    name = make_node()
    client = await as_account(MAY_LOOK)
    begin = cluster.audit.end()

    await client.list(NODES)
    with pytest.raises(Forbidden):
        await client.patch(f"{NODES}/{name}", CORDON, content_type=MERGE)

    assert cluster.audit.asked(user(namespace), since=begin) == {"list nodes", "patch nodes"}
    assert [found.name for found in cluster.audit.requests(user(namespace), since=begin) if found.writes] == [name]


async def test_a_dry_run_is_told_and_is_no_write(cluster, as_account, make_node, namespace):
    name = make_node()
    client = await as_account(MAY_LOOK)

    with pytest.raises(Forbidden):
        await client.patch(f"{NODES}/{name}", CORDON, content_type=MERGE, dry_run=True)

    (found,) = cluster.audit.requests(user(namespace))
    assert (str(found), found.name, found.dry, found.writes) == ("patch nodes", name, True, False)


async def test_what_the_modes_guard_refuses_never_reaches_the_server(cluster, as_account, make_node, namespace):
    name = make_node()
    writer = GuardedWriter(await as_account(MAY_LOOK), Mode.RECOMMEND)

    with pytest.raises(Refused):
        await writer.patch(f"{NODES}/{name}", CORDON, content_type=MERGE)

    assert cluster.audit.requests(user(namespace)) == []


async def test_a_token_nobody_signed_is_refused(cluster, tmp_path):
    path = write_kubeconfig(tmp_path / "kubeconfig", cluster.url, cluster.ca, "not-a-token")
    client = await KubernetesClient.connect(kubeconfig=path)

    with pytest.raises(Forbidden, match="401"):
        await client.list(NODES)
    await client.aclose()
