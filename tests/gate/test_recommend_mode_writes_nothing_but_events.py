"""In `recommend` mode nothing but Events can be written, whatever asks for it; the unknown is refused everywhere."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.domain.effects import effect_of
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.modes import Effect, Mode, permits

EVENTS = "/api/v1/namespaces/default/events"
NODE = "/api/v1/nodes/gpu-r03-n05"
OWN = {"metadata": {"annotations": {"gcm-sentinel/severity": "critical"}}}
REQUESTS_PATH = "/apis/janitor.dgxc.nvidia.com/v1alpha1/rebootnodes"
OWN_REQUEST = f"{REQUESTS_PATH}/gcm-sentinel-0123456789abcdef0123"
ONE_VERSION = {"preconditions": {"uid": "u", "resourceVersion": "7"}}

REQUESTS = [
    pytest.param("POST", EVENTS, {}, Effect.EVENT, id="event"),
    pytest.param("PATCH", f"{EVENTS}/x", {}, Effect.EVENT, id="event-update"),
    pytest.param("PATCH", NODE, OWN, Effect.ANNOTATE, id="own-annotation"),
    pytest.param("PATCH", NODE, {"spec": {"unschedulable": True}}, Effect.REMEDIATE, id="cordon"),
    pytest.param("PATCH", NODE, {**OWN, "spec": {"taints": []}}, Effect.REMEDIATE, id="taint-beside-annotation"),
    pytest.param("PATCH", NODE, {"metadata": {"annotations": {"x": "y"}}}, Effect.REMEDIATE, id="foreign-annotation"),
    pytest.param("PATCH", NODE, {"metadata": {"labels": {"a": "b"}}}, Effect.REMEDIATE, id="label"),
    pytest.param("PATCH", f"{NODE}/status", OWN, Effect.REMEDIATE, id="node-status"),
    pytest.param("POST", "/api/v1/namespaces/ml/pods/p/eviction", {}, Effect.REMEDIATE, id="evict"),
    pytest.param("DELETE", "/api/v1/namespaces/ml/pods/p", ONE_VERSION, Effect.DELETE, id="delete-pod"),
    pytest.param("DELETE", f"{EVENTS}/x", None, Effect.DELETE, id="delete-event"),
    pytest.param("DELETE", NODE, ONE_VERSION, Effect.DELETE, id="delete-node"),
    pytest.param("DELETE", OWN_REQUEST, ONE_VERSION, Effect.REMEDIATE, id="delete-own-request"),
    pytest.param("DELETE", OWN_REQUEST, None, Effect.DELETE, id="delete-any-version"),
    pytest.param("DELETE", OWN_REQUEST, {"preconditions": {"uid": "u"}}, Effect.DELETE, id="delete-any-version-of-one"),
    pytest.param("DELETE", OWN_REQUEST + "\n", ONE_VERSION, Effect.DELETE, id="delete-by-an-odd-name"),
    pytest.param("DELETE", f"{REQUESTS_PATH}/maintenance-1", ONE_VERSION, Effect.DELETE, id="delete-foreign-request"),
    pytest.param("DELETE", REQUESTS_PATH, ONE_VERSION, Effect.DELETE, id="delete-all-requests"),
    pytest.param("POST", "/apis/whatever/v1/things", {}, Effect.REMEDIATE, id="unknown-path"),
    pytest.param("FROB", NODE, OWN, Effect.REMEDIATE, id="unknown-method"),
]
DELETIONS: list[Any] = [case.values[1:3] for case in REQUESTS if case.values[0] == "DELETE"]


class RecordingClient:
    """A Kubernetes client that keeps what it was asked to send."""

    def __init__(self):
        self.sent = []

    async def create(self, path, body):
        self.sent.append(("POST", path))
        return body

    async def patch(self, path, body, *, content_type, field_manager=None, force=None):
        self.sent.append(("PATCH", path))
        return body

    async def delete(self, path, body):
        self.sent.append(("DELETE", path))
        return body


@pytest.mark.parametrize(("method", "path", "body", "effect"), REQUESTS)
def test_the_effect_is_read_off_the_request(method, path, body, effect):
    assert effect_of(method, path, body) is effect


@pytest.mark.parametrize(
    ("method", "path", "body", "effect"), [case for case in REQUESTS if case.values[0] in ("POST", "PATCH")]
)
async def test_recommend_mode_sends_events_only(method, path, body, effect):
    client = RecordingClient()
    guard = GuardedWriter(client, Mode.RECOMMEND)

    async def attempt():
        if method == "POST":
            await guard.create(path, body)
        else:
            await guard.patch(path, body or {}, content_type="application/merge-patch+json")

    if effect is Effect.EVENT:
        await attempt()
        assert client.sent == [(method, path)]
    else:
        with pytest.raises(Refused, match="was not sent"):
            await attempt()
        assert client.sent == []


@pytest.mark.parametrize(
    ("mode", "deleted"),
    [(Mode.RECOMMEND, []), (Mode.ANNOTATE, []), (Mode.APPROVE, [OWN_REQUEST]), (Mode.EXECUTE, [OWN_REQUEST])],
)
async def test_nothing_is_deleted_but_requests_of_ours_by_who_may_act(mode, deleted):
    client = RecordingClient()
    guard = GuardedWriter(client, mode)

    for path, body in DELETIONS:
        with suppress(Refused):
            await guard.delete(path, body or {})

    assert client.sent == [("DELETE", path) for path in deleted]


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [
        (Mode.RECOMMEND, {Effect.READ, Effect.EVENT}),
        (Mode.ANNOTATE, {Effect.READ, Effect.EVENT, Effect.ANNOTATE}),
        (Mode.APPROVE, set(Effect) - {Effect.DELETE}),
        (Mode.EXECUTE, set(Effect) - {Effect.DELETE}),
        ("recommend", set()),
        (None, set()),
        ("yolo", set()),
    ],
    ids=["recommend", "annotate", "approve", "execute", "a-mere-string", "none", "unknown"],
)
def test_each_mode_permits_exactly_its_effects(mode, allowed):
    assert {effect for effect in Effect if permits(mode, effect).allowed} == allowed


def test_an_unknown_effect_is_refused_in_every_mode():
    assert not any(permits(mode, "levitate").allowed for mode in Mode)
