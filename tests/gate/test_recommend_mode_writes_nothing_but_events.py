"""In `recommend` mode nothing but Events can be written, whatever asks for it; the unknown is refused everywhere."""

from __future__ import annotations

import pytest

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.domain.effects import effect_of
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.modes import Effect, Mode, permits

EVENTS = "/api/v1/namespaces/default/events"
NODE = "/api/v1/nodes/gpu-r03-n05"
OWN = {"metadata": {"annotations": {"gcm-sentinel/severity": "critical"}}}

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
    pytest.param("DELETE", "/api/v1/namespaces/ml/pods/p", None, Effect.REMEDIATE, id="delete-pod"),
    pytest.param("DELETE", f"{EVENTS}/x", None, Effect.REMEDIATE, id="delete-event"),
    pytest.param("POST", "/apis/whatever/v1/things", {}, Effect.REMEDIATE, id="unknown-path"),
    pytest.param("FROB", NODE, OWN, Effect.REMEDIATE, id="unknown-method"),
]


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
    ("mode", "allowed"),
    [
        (Mode.RECOMMEND, {Effect.READ, Effect.EVENT}),
        (Mode.ANNOTATE, {Effect.READ, Effect.EVENT, Effect.ANNOTATE}),
        (Mode.APPROVE, set(Effect)),
        (Mode.EXECUTE, set(Effect)),
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
