"""Every right that the chart gives is used, what the agent does it may do, and as its account nothing else can be done.

Used is what had a good answer. A right that these agents do not use stands in `UNUSED` with the reason, or has to go
from the chart.
"""

from __future__ import annotations

import re

import pytest
from tests.cluster.api import Api
from tests.cluster.chart.test_rights_of_each_mode import EVERYWHERE, declared
from tests.cluster.control_plane import write_kubeconfig

from gcm_sentinel.domain.modes import Mode

KUBELET = (EVERYWHERE, "", "nodes/proxy", "get")
"""Given on demand only; without it the source that would need it says so, which takes one request that is refused."""
CAN_I = r"(\S*) +\[.*?\] +\[(.*?)\] +\[(.*)\]"
"""A row of `kubectl auth can-i --list`: resource, URLs that are none, names of objects, verbs."""
KUBELET_LOGS = r"/api/v1/nodes/[^/?]+/proxy/logs/[^/?]+"
"""The same right would let it run commands in a kubelet's containers."""
UNUSED = {KUBELET: "the API server looks for no kubelet on loopback (400); conformance/ reads kernel logs in this way"}
"""What none of them had a good answer to, with the reason."""
REFUSED = 403
"""Whoever is not known at all (401) is not in the audit log; these agents would not get so far as to publish."""
EVERYBODYS = {"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}
FORBIDDEN: list[tuple[str, str, dict[str, object] | None]] = [
    ("DELETE", "/api/v1/nodes/guide-1", None),
    ("PUT", "/api/v1/nodes/guide-1", {}),
    ("PATCH", "/api/v1/nodes/guide-1/status", {"status": {}}),
    ("GET", "/api/v1/secrets", None),
    ("GET", "/api/v1/namespaces/monitoring/secrets/gcm-sentinel-llm", None),
    ("GET", "/api/v1/configmaps", None),
    ("POST", "/api/v1/namespaces/monitoring/pods", {}),
    ("DELETE", "/api/v1/namespaces/monitoring/pods/any", None),
    ("PATCH", "/api/v1/namespaces/monitoring/pods/any", {}),
    ("POST", "/api/v1/namespaces/monitoring/pods/any/exec?command=sh", None),
    ("POST", "/api/v1/namespaces/monitoring/events", {}),
    ("DELETE", "/api/v1/namespaces/default/events", None),
    ("POST", "/api/v1/namespaces/monitoring/serviceaccounts/default/token", {}),
    ("PATCH", "/apis/apps/v1/namespaces/monitoring/deployments/gcm-sentinel-gcm-sentinel", {}),
    ("PATCH", "/apis/apps/v1/namespaces/monitoring/daemonsets/any", {}),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {}),
    ("PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/guide-1", {}),
]


@pytest.fixture(params=["guide", "annotating", "approving", "executing"])
def agent(request):
    """The agent of each mode."""
    found = request.getfixturevalue(request.param)
    return getattr(found, "agent", found)


@pytest.fixture
def token(agent, cluster):
    """As good as the agent's own, and told from it in the audit log."""
    return cluster.token(agent.pod.namespace, agent.pod.account)


@pytest.fixture
def as_the_agent(token, cluster):
    api = Api(cluster.url, cluster.ca, token)
    yield api
    api.close()


def mode_of(agent):
    (started,) = agent.told("agent.started")
    return Mode(started["mode"])


def rights_of(agent):
    """What the code declares for the mode, and what was asked for besides."""
    return declared(mode_of(agent)) | ({KUBELET} if mode_of(agent) is Mode.EXECUTE else set())


def used_by(agent):
    """(namespace, group, resource, verb) that it used and that did what it was for."""
    return {right_of(one) for one in agent.requests() if one.code is not None and 200 <= one.code < 300}


def right_of(request):
    """The right that a request needs; only Events are written in one namespace."""
    where = request.namespace if request.resource == "events" and request.verb != "list" else EVERYWHERE
    return where, request.group, request.resource, request.verb


def test_every_right_of_the_chart_is_used(guide, annotating, approving, executing):
    used = set().union(*map(used_by, (guide, annotating, approving.agent, executing.agent)))

    assert rights_of(executing.agent) - used == set(UNUSED)


def test_it_uses_no_right_that_is_not_declared_for_its_mode(agent):
    assert {right_of(one) for one in agent.requests() if one.code != REFUSED} <= rights_of(agent)


def test_through_a_kubelet_nothing_but_its_logs_is_read(guide, annotating, approving, executing):
    agents = (guide, annotating, approving.agent, executing.agent)
    asked = [one for agent in agents for one in agent.requests() if one.resource == "nodes/proxy"]

    assert {one.name for one in asked} >= {"guide-1", "execute-reboot"}
    assert [one.uri for one in asked if not re.fullmatch(KUBELET_LOGS, one.uri)] == []


def test_nothing_it_asks_for_in_an_ordinary_run_is_refused(agent):
    refused = {right_of(request) for request in agent.requests() if request.code == REFUSED}

    assert refused <= {KUBELET} - rights_of(agent)


def test_kubectl_lists_the_declared_rights_for_its_account_and_no_more(agent, token, cluster, tmp_path):
    kubeconfig = write_kubeconfig(tmp_path / "config", cluster.url, cluster.ca, token)
    listed = cluster.kubectl("auth", "can-i", "--list", "--namespace=default", kubeconfig=kubeconfig)

    found, of_single_objects = set(), []
    for row in listed.splitlines()[1:]:
        taken = re.fullmatch(CAN_I, row)
        assert taken, f"a row of another form: {row}"
        name, names, verbs = taken.groups()
        whole, _, part = name.partition("/")
        plural, _, group = whole.partition(".")
        resource = f"{plural}/{part}" if part else plural
        found |= {(group, resource, verb) for verb in verbs.split() if name and plural not in EVERYBODYS}
        of_single_objects += [row] if names else []
    assert found == {(group, resource, verb) for _, group, resource, verb in rights_of(agent)}
    assert of_single_objects == []


@pytest.mark.parametrize(("method", "path", "body"), FORBIDDEN, ids=str)
def test_asked_directly_as_the_agent_the_rest_is_refused(as_the_agent, method, path, body):
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    assert as_the_agent.ask(method, path, body, kind=kind).status_code == 403
