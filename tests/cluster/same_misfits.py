"""Requests whose values do not fit the fields they are for, and fields that there are not, through every door."""

from __future__ import annotations

from typing import Any

from tests.cluster.asked import EVENTS, NODE, OURS, POD, Asked, event, eviction, node, patch

_STATUS = f"{NODE}/status"
_STRICT = {"fieldValidation": "Strict"}


def _condition(**parts: Any) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "X", "status": "True", **parts}]}}


def _named(**parts: Any) -> dict[str, Any]:
    return {**event(), "metadata": {"name": "same", "namespace": "default", **parts}}


_PATCHED = [
    patch("strategic: a bool that is text", "strategic", {"spec": {"unschedulable": "yes"}}),
    patch("strategic: an unknown field", "strategic", {"spec": {"colour": "red"}}),
    patch("strategic: an unknown field, strictly", "strategic", {"spec": {"colour": "red"}}, **_STRICT),
    patch("strategic: a field taints have not", "strategic", {"spec": {"taints": [{**OURS, "colour": 1}]}}),
    patch("strategic: taints that are an object", "strategic", {"spec": {"taints": {}}}),
    patch("strategic: an annotation that is a number", "strategic", {"metadata": {"annotations": {"a": 1}}}),
    patch("strategic: a spec that is a list", "strategic", {"spec": [1]}),
    patch("strategic: a time that is none", "strategic", _condition(lastTransitionTime="yesterday"), _STATUS),
    patch(
        "strategic: a time to the microsecond",
        "strategic",
        _condition(lastTransitionTime="2026-11-20T20:00:00.5Z"),
        _STATUS,
    ),
    patch(
        "merge: four unknown fields",
        "merge",
        {"spec": {"size": 1, "colour": "red", "taints": [{**OURS, "hue": 1}]}, "top": 1},
    ),
    patch(
        "merge: an unknown field, and nobody is told", "merge", {"spec": {"colour": "red"}}, fieldValidation="Ignore"
    ),
    patch("merge: a validation there is not", "merge", {"spec": {}}, fieldValidation="No"),
    patch("merge: a number of seconds that is text", "merge", {"metadata": {"deletionGracePeriodSeconds": "x"}}),
    patch("merge: a time that is none", "merge", _condition(lastTransitionTime="yesterday"), _STATUS),
    patch("merge: another kind", "merge", {"kind": "Pod"}),
    patch("merge: another version", "merge", {"apiVersion": "v2"}),
    patch("merge: no metadata", "merge", {"metadata": None}),
    patch("merge: a taint of a bad value", "merge", {"spec": {"taints": [{**OURS, "value": "by hand"}]}}),
    patch("json: a bool that is text", "json", [{"op": "add", "path": "/spec/unschedulable", "value": "yes"}]),
    patch("json: a bool that is null", "json", [{"op": "add", "path": "/spec/unschedulable", "value": None}]),
    patch("json: an unknown field", "json", [{"op": "add", "path": "/spec/colour", "value": "red"}]),
    patch("apply: a bool that is text", "apply", node(spec={"unschedulable": "yes"})),
    patch("apply: taints that are an object", "apply", node(spec={"taints": {}})),
    patch("apply: a field taints have not", "apply", node(spec={"taints": [{**OURS, "hue": 1}]}), force="true"),
    patch("apply: an annotation that is a number", "apply", node(metadata={"annotations": {"a": 1}})),
]
_SENT = [
    Asked("put: an unknown field", "PUT", NODE, node(spec={"colour": "red"})),
    Asked("put: an unknown field, strictly", "PUT", NODE, node(spec={"colour": "red"}), query=_STRICT),
    Asked("put: a bool that is text", "PUT", NODE, node(spec={"unschedulable": "yes"})),
    Asked("put: another uid", "PUT", NODE, node(metadata={"uid": "x"})),
    Asked("put: without a name", "PUT", NODE, {**node(), "metadata": {}}),
    Asked("post: another version", "POST", "/api/v1/nodes", {**node(), "apiVersion": "apps/v1"}),
    Asked("an event with unknown fields", "POST", EVENTS, event(colour="red", size=1)),
    Asked("an event with unknown fields, strictly", "POST", EVENTS, event(colour="red", size=1), query=_STRICT),
    Asked("an event with a count that is text", "POST", EVENTS, event(count="x")),
    Asked("an event with half a count", "POST", EVENTS, event(count=1.5)),
    Asked("an event with a number for a message", "POST", EVENTS, event(message=3)),
    Asked("an event with a text for a source", "POST", EVENTS, event(source="x")),
    Asked("an event with a list of labels", "POST", EVENTS, _named(labels=["a"])),
    Asked("an event with a label that is a number", "POST", EVENTS, _named(labels={"a": 1})),
    Asked("an event with a text for metadata", "POST", EVENTS, {**event(), "metadata": "x"}),
    Asked("an event of a long manager", "POST", EVENTS, event(), query={"fieldManager": "x" * 129}),
    Asked("an event, dry in a way there is not", "POST", EVENTS, event(), query={"dryRun": "Some"}),
    Asked("an event with an eventTime in seconds", "POST", EVENTS, event(eventTime="2026-11-20T20:00:00Z")),
    Asked("an eviction with an unknown field", "POST", f"{POD}/eviction", eviction(colour="red"), query=_STRICT),
    Asked(
        "an eviction with a grace that is text",
        "POST",
        f"{POD}/eviction",
        eviction(deleteOptions={"gracePeriodSeconds": "x"}),
    ),
    Asked("a delete with a grace that is text", "DELETE", POD, {"gracePeriodSeconds": "x"}),
    Asked("a delete with a policy there is not", "DELETE", POD, {"propagationPolicy": "x"}),
    Asked("a delete that is no JSON", "DELETE", POD, "{"),
    Asked("a delete of another version", "DELETE", POD, {"preconditions": {"resourceVersion": "1"}}),
]
MISFITS = [*_PATCHED, *_SENT]
