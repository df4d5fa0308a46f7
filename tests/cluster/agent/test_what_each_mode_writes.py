"""What each mode writes to the cluster, as the API server's audit log has it and not as the agent tells it."""

from __future__ import annotations

import json

import pytest
from tests.cluster.agent.acting_site import MAINTAINED, TAINT
from tests.cluster.agent.world import uuid_of

OURS = "metadata.annotations.gcm-sentinel/"
BOUND_TO = {"metadata.uid", "metadata.resourceVersion"}
"""What a patch names so that another object, or another version, refuses it."""
CORDON = {f"{OURS}cordoned-by", f"{OURS}cordoned-for", "spec.unschedulable"}


def written(requests):
    return {str(request) for request in requests if request.writes}


def tells(request):
    """Whether it makes an Event or brings one on, or patches nothing but annotations that only tell.

    Of what no body was written down nobody knows what it was for.
    """
    if request.resource == "events":
        return request.verb in ("create", "patch")
    told = (field.startswith(OURS) and "maintenance" not in field for field in request.fields)
    return request.verb == "patch" and bool(request.fields) and all(told)


def acts(requests, node):
    """What was done to a node, with the fields that were changed."""
    return [(str(one), set(one.fields) - BOUND_TO) for one in requests if one.name == node and not tells(one)]


class TestRecommend:
    """An agent as the documentation installs it."""

    def test_it_makes_one_event_for_its_verdict_and_writes_nothing_else(self, guide):
        assert [str(request) for request in guide.writes()] == ["create events"]

    def test_the_event_is_about_the_node(self, guide):
        (event,) = guide.writes()

        assert (event.namespace, event.body["involvedObject"]["name"]) == ("default", "guide-1")


class TestAnnotate:
    """One that annotates as well."""

    def test_it_patches_nodes_besides(self, annotating):
        assert written(annotating.requests()) == {"create events", "patch nodes"}

    def test_of_a_node_it_touches_annotations_of_its_own_only(self, annotating):
        patches = [request for request in annotating.writes() if request.resource == "nodes"]

        assert {request.name for request in patches} == {"annotate-1"}
        assert all(tells(request) for request in patches)


class TestApprove:
    """One that a person told to go on."""

    def test_before_that_it_annotated_the_node_and_told_in_its_event_that_it_waits(self, approving):
        before = [request for request in approving.before if request.writes]

        assert written(before) - {"patch events"} == {"create events", "patch nodes"}
        assert all(tells(request) for request in before)

    def test_what_it_would_do_was_tried_as_a_dry_run_alone(self, approving):
        tried = [request for request in approving.before if not tells(request) and request.fields]

        assert tried
        assert all(request.dry for request in tried)

    def test_then_it_did_that_once_and_nothing_else(self, approving):
        acted = [request for request in approving.agent.writes() if not tells(request)]

        assert [(request.name, set(request.fields) - BOUND_TO) for request in acted] == [("approve-1", CORDON)]

    def test_it_sent_what_the_person_was_shown(self, approving):
        (acted,) = (request for request in approving.agent.writes() if not tells(request))
        ((method, path, shown),) = (call.split(" ", 2) for call in approving.question["calls"])

        assert (method, path) == ("PATCH", "/api/v1/nodes/approve-1")
        bound = {key: acted.body["metadata"].pop(key) for key in ("uid", "resourceVersion")}
        assert json.loads(shown) == acted.body
        assert all(bound.values())


class TestExecute:
    """One that acts by itself."""

    def test_its_verbs_are_those_of_what_was_asked_for(self, executing):
        acted = {str(request) for request in executing.agent.writes() if not tells(request)}

        made = {"create gpuresets", "delete gpuresets", "create rebootnodes", "delete rebootnodes"}
        assert acted == {"patch nodes", "create pods/eviction", *made}

    @pytest.mark.parametrize(
        ("what", "fields"), [("cordon", CORDON), ("taint", {"spec.taints"}), ("drain", CORDON)], ids=str
    )
    def test_a_node_is_changed_in_what_the_operation_is_about(self, executing, what, fields):
        assert acts(executing.agent.writes(), f"execute-{what}") == [("patch nodes", fields)]

    @pytest.mark.parametrize("what", ["pod", "reset", "reboot"])
    def test_where_somebody_else_does_it_the_node_is_not_touched(self, executing, what):
        assert acts(executing.agent.writes(), f"execute-{what}") == []

    def test_a_taint_is_added_and_no_other_named(self, executing):
        (patch,) = (one for one in executing.agent.writes() if one.name == "execute-taint" and not tells(one))

        assert [step["value"] for step in patch.body if step["op"] == "add"] in ([TAINT], [[TAINT]])

    def test_the_drained_pods_and_the_restarted_one_are_evicted_and_no_other(self, executing):
        evicted = [request.name for request in executing.agent.writes() if request.resource == "pods/eviction"]

        assert sorted(evicted) == sorted([*executing.trained, executing.pods["execute-pod"]])

    def test_a_reset_names_the_gpu_and_a_reboot_the_node(self, executing):
        made = {}
        for request in executing.agent.writes():
            if str(request) in ("create gpuresets", "create rebootnodes"):
                made[request.body["spec"].pop("nodeName")] = request.body["spec"]

        resets = {node: {"selector": {"uuids": [uuid_of(node)]}} for node in MAINTAINED["gpuresets"]}
        assert made == resets | {node: {"force": False} for node in MAINTAINED["rebootnodes"]}

    def test_what_it_takes_back_are_requests_of_its_own_in_the_version_it_read(self, executing):
        taken = [request for request in executing.agent.writes() if request.verb == "delete"]

        assert len(taken) == 2
        assert all(set(request.body["preconditions"]) == {"uid", "resourceVersion"} for request in taken)
