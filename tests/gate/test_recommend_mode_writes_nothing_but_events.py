"""In `recommend` mode nothing but Events can be written, whatever asks for it; the unknown is refused everywhere."""

from __future__ import annotations

import string
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

PLAIN = frozenset(string.ascii_lowercase + string.digits + "-.")
METHODS = ("FROB", "PUT", "DELETECOLLECTION", "delete", "Patch", "patch", "get", "")
NOT_PLAIN = (
    "..",
    ".",
    "",
    "x?y",
    "?",
    "x#y",
    "..%2fpods",
    "n1%2Fproxy%2Frun",
    "x\\y",
    "x y",
    "x\n",
    "x\t",
    "\x00",
    "ñ",
    "X",
    "-x",
)

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
    pytest.param("PATCH", f"{EVENTS}/gpu-1.example.17f3a9c2", {}, Effect.EVENT, id="event-of-a-dotted-name"),
    pytest.param("PATCH", f"{NODE}.example.com", OWN, Effect.ANNOTATE, id="node-of-a-dotted-name"),
    pytest.param("CALL", "sentinel.v1.QuarantineService/IssueDirective", {}, Effect.REMEDIATE, id="directive"),
    *(pytest.param(name, NODE, OWN, Effect.DELETE, id=f"method-{name}") for name in METHODS),
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


@pytest.mark.parametrize("odd", NOT_PLAIN)
def test_what_is_no_plain_name_is_refused_in_every_mode_wherever_it_stands(odd):
    places = (f"{EVENTS}/{odd}", f"/api/v1/namespaces/{odd}/events", f"/api/v1/nodes/{odd}", f"{NODE}/{odd}")

    found = {effect_of(method, path, OWN) for method in ("GET", "HEAD", "POST", "PATCH") for path in places}

    assert not any(permits(mode, effect).allowed for mode in Mode for effect in found)


SEGMENTS = st.one_of(
    st.sampled_from(["default", "events", "namespaces", "nodes", "gpu-1.example", "x.17f3", *NOT_PLAIN]), st.text()
)
PATHS = st.one_of(
    st.text(),
    st.lists(SEGMENTS, max_size=6).map(lambda parts: "/".join(["", *parts])),
    st.builds("/api/v1/namespaces/{}/events{}".format, SEGMENTS, SEGMENTS.map(lambda part: f"/{part}") | st.just("")),
    st.builds("/api/v1/nodes/{}".format, SEGMENTS),
)


@given(method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", *METHODS]), path=PATHS)
def test_only_a_path_of_plain_names_is_ever_an_event_or_an_annotation(method, path):
    kind = effect_of(method, path, OWN)

    parts = path.split("/")
    plain = all(part and set(part) <= PLAIN and part[0] not in "-." and part[-1] not in "-." for part in parts[1:])
    if kind is Effect.EVENT:
        assert (method in ("POST", "PATCH"), plain, parts[:4], parts[5], parts[7:]) == (
            True, True, ["", "api", "v1", "namespaces"], "events", []
        )  # fmt: skip
    if kind is Effect.ANNOTATE:
        assert (method, plain, parts[:4], parts[5:]) == ("PATCH", True, ["", "api", "v1", "nodes"], [])
    if not (plain and path.startswith("/")):
        assert kind is Effect.DELETE


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
