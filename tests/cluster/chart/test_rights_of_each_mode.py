"""Each mode gets the rights that the code declares for it, and not one more."""

from __future__ import annotations

import pytest
from tests.charts.chart import OWNERS, granted
from tests.cluster.chart.rendering import NAME, NAMESPACE, render

from gcm_sentinel.app.doctor_rights import RIGHTS
from gcm_sentinel.domain.modes import Effect, Mode, permits
from gcm_sentinel.domain.operations import DECLARED, Operation

EVERYWHERE = ""
MAY_BE_LEFT_OUT = {("", "nodes/proxy", "get")}
"""A wide right that the chart gives on demand only."""


def rights_of(rendered):
    """(namespace, group, resource, verb) that the agent's ServiceAccount is bound to."""
    rules = {}
    for role in (*rendered.of("ClusterRole"), *rendered.of("Role")):
        where = role["metadata"].get("namespace", EVERYWHERE)
        rules[role["kind"], where, role["metadata"]["name"]] = role["rules"]
    found = set()
    for binding in (*rendered.of("ClusterRoleBinding"), *rendered.of("RoleBinding")):
        where = binding["metadata"].get("namespace", EVERYWHERE)
        assert [one["name"] for one in binding["subjects"]] == [rendered.pod["serviceAccountName"]]
        assert [one["namespace"] for one in binding["subjects"]] == [NAMESPACE]
        bound = rules.pop((binding["roleRef"]["kind"], where, binding["roleRef"]["name"]))
        found |= {(where, *right) for right in granted(bound)}
    assert rules == {}, "a role that nobody is bound to"
    return found


def declared(mode, operations=tuple(Operation)):
    """The same, as the code says."""
    needs = set()
    for right in RIGHTS:
        if permits(mode, right.effect).allowed:
            needs.add((right.namespace, right.group, right.resource, right.verb))
    if permits(mode, Effect.REMEDIATE).allowed:
        wanted = (need for operation in operations for need in DECLARED[operation].permissions)
        needs |= {(EVERYWHERE, need.group, need.resource, need.verb) for need in wanted}
    owners = {(EVERYWHERE, *right) for right in OWNERS}
    return (needs | owners) - {(EVERYWHERE, *right) for right in MAY_BE_LEFT_OUT}


@pytest.mark.parametrize("mode", list(Mode))
def test_a_mode_has_the_rights_the_code_declares(mode):
    rendered = render("--set", f"sentinel.actionMode={mode}")

    assert rights_of(rendered) == declared(mode)


@pytest.mark.parametrize("operation", list(Operation))
def test_one_operation_alone_has_the_rights_of_one(operation):
    rendered = render("--set", f"sentinel.actionMode=execute,sentinel.actions={operation}")

    assert rights_of(rendered) == declared(Mode.EXECUTE, [operation])


@pytest.mark.parametrize(
    "written", ["sentinel.actions=drain_node\\,taint_node", "sentinel.actions={drain_node,taint_node}"]
)
def test_operations_are_a_list_or_a_comma_list(written):
    rendered = render("--set", "sentinel.actionMode=approve", "--set", written)

    assert rights_of(rendered) == declared(Mode.APPROVE, [Operation.DRAIN_NODE, Operation.TAINT_NODE])
    assert rendered.settings["GCM_SENTINEL_ACTIONS"] == '["drain_node","taint_node"]'


def test_recommend_writes_events_about_nodes_and_nothing_else(plain):
    writes = {right for right in rights_of(plain) if right[-1] not in {"get", "list", "watch"}}

    assert writes == {("default", "", "events", "create")}


@pytest.mark.parametrize(
    ("mode", "roles"),
    [
        ("recommend", {NAME}),
        ("annotate", {NAME, f"{NAME}-annotate"}),
        ("approve", {NAME, f"{NAME}-annotate", f"{NAME}-act"}),
        ("execute", {NAME, f"{NAME}-annotate", f"{NAME}-act"}),
    ],
)
def test_what_writes_is_a_role_of_its_own(mode, roles):
    rendered = render("--set", f"sentinel.actionMode={mode}")

    assert {role["metadata"]["name"] for role in rendered.of("ClusterRole")} == roles


def test_the_kubelet_is_read_through_only_where_that_is_asked_for():
    rendered = render("--set", "rbac.kubeletLogs=true")

    assert rights_of(rendered) == declared(Mode.RECOMMEND) | {(EVERYWHERE, *right) for right in MAY_BE_LEFT_OUT}


def test_roles_can_be_made_elsewhere():
    rendered = render("--set", "rbac.create=false,serviceAccount.create=false")

    made = {kind for kind, _ in rendered.kinds}
    assert made & {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount"} == set()
    assert rendered.pod["serviceAccountName"] == "default"
