"""What is read out of the audit log is what the API server did."""

from __future__ import annotations

import json

import pytest
from tests.cluster.audit import AuditLog

ME = "system:serviceaccount:here:me"
DRY = ["All"]


@pytest.fixture
def read(tmp_path):
    """The one request of a log."""

    def only(verb, uri, body, **thing):
        event = {"auditID": "1", "user": {"username": ME}, "verb": verb, "requestURI": uri, "objectRef": thing}
        path = tmp_path / "audit.log"
        path.write_text(json.dumps({**event, "requestObject": body}) + "\n", encoding="utf-8")
        (found,) = AuditLog(path).requests(ME)
        return found

    return only


@pytest.mark.parametrize(
    ("body", "dry"), [({"kind": "DeleteOptions"}, False), (None, False), ({"dryRun": DRY}, True)], ids=str
)
def test_a_delete_is_dry_where_its_body_says_so_whatever_the_query_says(read, body, dry):
    found = read("delete", "/api/v1/nodes/any?dryRun=All", body, resource="nodes")

    assert (found.dry, found.writes) == (dry, not dry)


@pytest.mark.parametrize(
    ("query", "options", "dry"),
    [("?dryRun=All", {}, True), ("", {"dryRun": DRY}, True), ("", {}, False), ("", None, False)],
    ids=str,
)
def test_an_eviction_is_dry_where_either_says_so(read, query, options, dry):
    body = {"deleteOptions": options}
    found = read(
        "create", f"/api/v1/namespaces/a/pods/b/eviction{query}", body, resource="pods", subresource="eviction"
    )

    assert (str(found), found.dry) == ("create pods/eviction", dry)


def test_a_step_that_moves_changes_both_ends(read):
    steps = [
        {"op": "test", "path": "/metadata/uid", "value": "1"},
        {"op": "move", "from": "/spec/taints/0", "path": "/metadata/annotations/gcm-sentinel~1severity"},
    ]

    assert read("patch", "/api/v1/nodes/any", steps, resource="nodes").fields == {
        "spec.taints",
        "metadata.annotations.gcm-sentinel/severity",
    }


def test_the_server_deletes_what_the_query_alone_calls_a_dry_run(cluster, namespace):
    path = f"/api/v1/namespaces/{namespace}/configmaps/victim"
    metadata = {"name": "victim", "namespace": namespace}
    cluster.admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    begin = cluster.audit.end()

    options = {"apiVersion": "v1", "kind": "DeleteOptions"}
    assert cluster.admin.ask("DELETE", path, options, dryRun="All").status_code == 200

    assert cluster.admin.find(path) is None
    assert [one.writes for one in cluster.audit.requests("admin", since=begin) if one.verb == "delete"] == [True]
