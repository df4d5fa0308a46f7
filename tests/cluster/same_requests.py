"""The requests that are put to both servers: what might be sent by mistake, and what is refused. Two files hold more:
values that do not fit their fields, and what the agent sends.

`WORDS_DIFFER` answer alike but for their wording. `DIFFERENT` are the differences in what happens; they are known and
not mended in the simulated server.
"""

from __future__ import annotations

from tests.cluster.asked import (
    EVENTS,
    KINDS,
    NODE,
    OURS,
    POD,
    Asked,
    access,
    event,
    eviction,
    node,
    patch,
)
from tests.cluster.same_misfits import MISFITS
from tests.cluster.same_of_the_agent import AGENTS

READING = [
    Asked("a node", "GET", NODE),
    Asked("a pod", "GET", POD),
    Asked("a node that is not there", "GET", "/api/v1/nodes/none"),
    Asked("a pod in a namespace that is not there", "GET", "/api/v1/namespaces/none/pods/none"),
    Asked("pods of a namespace that is not there", "GET", "/api/v1/namespaces/none/pods"),
    Asked("a resource that is not there", "GET", "/api/v1/gizmos"),
    Asked("a group that is not there", "GET", "/apis/none.example/v1/things"),
    Asked("a subresource that is not there", "GET", f"{NODE}/gizmo"),
    Asked("a label selector that does not parse", "GET", "/api/v1/nodes", query={"labelSelector": "a in"}),
    Asked("a field selector that does not parse", "GET", "/api/v1/nodes", query={"fieldSelector": "a"}),
    Asked("a field that cannot be selected by", "GET", "/api/v1/nodes", query={"fieldSelector": "spec.taints=x"}),
    Asked("a field of pods that cannot be", "GET", "/api/v1/pods", query={"fieldSelector": "spec.image=x"}),
    Asked("a limit that is no number", "GET", "/api/v1/nodes", query={"limit": "many"}),
    Asked("a negative limit", "GET", "/api/v1/nodes", query={"limit": "-1"}),
    Asked("a continue token that is none", "GET", "/api/v1/nodes", query={"limit": "1", "continue": "garbage"}),
    Asked("a version that is none", "GET", "/api/v1/nodes", query={"resourceVersion": "garbage"}),
    Asked("a watch from a version that is none", "GET", "/api/v1/nodes", query={"watch": "1", "resourceVersion": "x"}),
    Asked("a match without a version", "GET", "/api/v1/nodes", query={"resourceVersionMatch": "Exact"}),
    Asked("a match there is not", "GET", NODE[:-5], query={"resourceVersionMatch": "x", "resourceVersion": "1"}),
    Asked("initial events without a match", "GET", NODE[:-5], query={"watch": "true", "sendInitialEvents": "true"}),
]
PATCHING = [
    patch("merge: an annotation", "merge", {"metadata": {"annotations": {"gcm-sentinel/a": "1"}}}),
    patch("merge: a cordon", "merge", {"spec": {"unschedulable": True}}),
    patch("merge: an old version", "merge", {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}}),
    patch("merge: another uid", "merge", {"metadata": {"uid": "another", "labels": {"a": "b"}}}),
    patch("merge: another name", "merge", {"metadata": {"name": "another"}}),
    patch("merge: a bad label", "merge", {"metadata": {"labels": {"a b": "c"}}}),
    patch("merge: a bad label value", "merge", {"metadata": {"labels": {"a": "b c"}}}),
    patch("merge: an annotation that is a number", "merge", {"metadata": {"annotations": {"a": 1}}}),
    patch("merge: a bool that is text", "merge", {"spec": {"unschedulable": "yes"}}),
    patch("merge: an unknown field", "merge", {"spec": {"colour": "red"}}),
    patch("merge: an unknown field, strictly", "merge", {"spec": {"colour": "red"}}, fieldValidation="Strict"),
    patch("merge: a list", "merge", [1]),
    patch("merge: no JSON", "merge", "{"),
    patch("merge: nobody", "merge", {"metadata": {}}, "/api/v1/nodes/none"),
    patch("merge: dry", "merge", {"spec": {"unschedulable": True}}, dryRun="All"),
    patch("merge: dry in a way there is not", "merge", {"spec": {"unschedulable": True}}, dryRun="Some"),
    patch("merge: a taint without an effect", "merge", {"spec": {"taints": [{"key": "a"}]}}),
    patch("merge: a taint of an effect there is not", "merge", {"spec": {"taints": [{"key": "a", "effect": "Never"}]}}),
    patch("merge: a taint twice", "merge", {"spec": {"taints": [OURS, {**OURS, "value": "other"}]}}),
    patch("merge: a manager's name too long", "merge", {"metadata": {"labels": {"a": "b"}}}, fieldManager="x" * 129),
    patch(
        "strategic: a condition",
        "strategic",
        {"status": {"conditions": [{"type": "X", "status": "True"}]}},
        f"{NODE}/status",
    ),
    patch("strategic: a taint", "strategic", {"spec": {"taints": [OURS]}}),
    patch("strategic: a taint taken away", "strategic", {"spec": {"taints": [{"$patch": "replace"}, OURS]}}),
    patch("strategic: a directive there is not", "strategic", {"spec": {"$patch": "explode"}}),
    patch("strategic: status by the main path", "strategic", {"status": {"phase": "Terminated"}}),
    patch("json: a taint", "json", [{"op": "add", "path": "/spec/taints/-", "value": OURS}]),
    patch("json: a test that fails", "json", [{"op": "test", "path": "/spec/taints/0/key", "value": "x"}]),
    patch("json: a test that holds", "json", [{"op": "test", "path": "/spec/taints/0/key", "value": "theirs"}]),
    patch("json: nothing to remove", "json", [{"op": "remove", "path": "/spec/taints/7"}]),
    patch("json: no such operation", "json", [{"op": "explode", "path": "/spec"}]),
    patch("json: an object", "json", {"op": "add"}),
    patch("json: no path to add to", "json", [{"op": "add", "path": "/spec/none/-", "value": 1}]),
    patch("a kind of patch there is not", "text/plain", {"spec": {}}),
]
APPLYING = [
    patch("apply: an annotation", "apply", node(metadata={"annotations": {"gcm-sentinel/a": "1"}})),
    patch("apply: a conflict", "apply", node(spec={"taints": [OURS]})),
    patch("apply: by force", "apply", node(spec={"taints": [OURS]}), force="true"),
    patch("apply: without a kind", "apply", {"metadata": {"name": "same"}}),
    patch("apply: another name", "apply", {**node(), "metadata": {"name": "another"}}),
    patch("apply: an unknown field", "apply", node(spec={"colour": "red"})),
    patch("apply: no YAML", "apply", "{"),
    patch("apply: managed fields", "apply", node(metadata={"managedFields": [{"manager": "x"}]})),
    patch("apply: a version", "apply", node(metadata={"resourceVersion": "1"})),
    Asked("apply: by nobody", "PATCH", NODE, node(), KINDS["apply"]),
    patch("merge: by force", "merge", {"metadata": {"labels": {"a": "b"}}}, force="true"),
]
CREATING = [
    Asked("an event", "POST", EVENTS, event()),
    Asked("an event elsewhere", "POST", "/api/v1/namespaces/kube-public/events", event("kube-public")),
    Asked("an event of another namespace", "POST", EVENTS, event("kube-public")),
    Asked("an event in no namespace", "POST", "/api/v1/namespaces/none/events", event("none")),
    Asked("an event with an eventTime only", "POST", EVENTS, event(eventTime="2026-11-20T20:00:00.000000Z")),
    Asked("an event without a name", "POST", EVENTS, {**event(), "metadata": {"namespace": "default"}}),
    Asked("an event with a bad name", "POST", EVENTS, {**event(), "metadata": {"name": "A b", "namespace": "default"}}),
    Asked("an event with a bad time", "POST", EVENTS, event(firstTimestamp="yesterday")),
    Asked("a node that is there", "POST", "/api/v1/nodes", node()),
    Asked("a node of a bad name", "POST", "/api/v1/nodes", node(metadata={"name": "Same"})),
    Asked("a pod as a node", "POST", "/api/v1/nodes", {**node(), "kind": "Pod"}),
    Asked("nothing", "POST", "/api/v1/nodes", {}),
    Asked("no JSON", "POST", "/api/v1/nodes", "{"),
    Asked(
        "what may I: all", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", access("patch", "nodes")
    ),
]
EVICTING = [
    Asked("an eviction, dry", "POST", f"{POD}/eviction", eviction(deleteOptions={"dryRun": ["All"]})),
    Asked("an eviction", "POST", f"{POD}/eviction", eviction(deleteOptions={"gracePeriodSeconds": 0})),
    Asked("of another uid", "POST", f"{POD}/eviction", eviction(deleteOptions={"preconditions": {"uid": "x"}})),
    Asked("of nobody", "POST", "/api/v1/namespaces/default/pods/none/eviction", eviction("none")),
    Asked("of another name", "POST", f"{POD}/eviction", eviction("another")),
    Asked("no eviction", "POST", f"{POD}/eviction", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "same"}}),
    Asked("an event deleted", "DELETE", f"{EVENTS}/none"),
    Asked("a node deleted if it is another", "DELETE", NODE, {"preconditions": {"uid": "x"}}),
    Asked("a node replaced without a version", "PUT", NODE, node(spec={"unschedulable": True})),
    Asked("a node replaced from an old version", "PUT", NODE, node(metadata={"resourceVersion": "1"})),
    Asked("a method there is not", "PATCH", "/api/v1/nodes", {}, KINDS["merge"]),
]
_OLD_PAGE = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Miwic3RhcnQiOiIvYVx1MDAwMCJ9"
"""The token of a page after `a` of a list at version 2: `{"v":"meta.k8s.io/v1","rv":2,"start":"/a\\u0000"}`."""
FORGOTTEN = [
    Asked("a page of a version that is forgotten", "GET", "/api/v1/nodes", query={"limit": "1", "continue": _OLD_PAGE}),
    Asked(
        "exactly a version that is forgotten",
        "GET",
        "/api/v1/nodes",
        query={"resourceVersion": "1", "resourceVersionMatch": "Exact"},
    ),
    Asked("some of a version that is forgotten", "GET", "/api/v1/nodes", query={"resourceVersion": "1", "limit": "1"}),
    Asked(
        "a watch from a version that is forgotten",
        "GET",
        "/api/v1/events",
        query={"watch": "1", "resourceVersion": "1"},
    ),
]
ALL = [*READING, *PATCHING, *APPLYING, *CREATING, *EVICTING, *MISFITS, *AGENTS]

WORDS_DIFFER = frozenset(
    {
        "a continue token that is none",
        "apply: no YAML",
        "no JSON",
        "a watch from a version that is forgotten",
    }
)
DIFFERENT: dict[str, str] = {}
