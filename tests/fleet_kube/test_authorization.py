"""Who may do what, refusals in the real server's words, and the reviews by which clients ask."""

from __future__ import annotations

import pytest

from sentinel_fleet.kube import NO_SECRETS, Deny, Rules, User

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
AGENT = User("system:serviceaccount:ops:agent", ("system:serviceaccounts",))


@pytest.fixture
def rules():
    return Rules(
        deny=(
            NO_SECRETS,
            Deny(verbs=("list", "watch"), resources=("nodes",)),
            Deny(resources=("pods/log",), namespaces=("team-*",)),
            Deny(verbs=("patch",), resources=("nodes",), names=("gpu-3",)),
            Deny(verbs=("create",), resources=("jobs",), api_groups=("batch",), users=("nobody",)),
        ),
        tokens={"secret-token": AGENT},
    )


@pytest.fixture
def api(api):
    api.session.headers["Authorization"] = "Bearer secret-token"
    return api


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic secret-token"])
async def test_unknown_credentials_are_unauthorized(api, header):
    api.session.headers["Authorization"] = header

    answer = await api.get("/api/v1/pods")

    assert (answer.status, answer.json["reason"], answer.json["message"]) == (401, "Unauthorized", "Unauthorized")


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        pytest.param(
            "GET",
            "/api/v1/nodes",
            'nodes is forbidden: User "system:serviceaccount:ops:agent" cannot list resource "nodes" in API group "" '
            "at the cluster scope",
            id="cluster-scoped list",
        ),
        pytest.param(
            "GET",
            "/api/v1/nodes?watch=true",
            'nodes is forbidden: User "system:serviceaccount:ops:agent" cannot watch resource "nodes" in API group "" '
            "at the cluster scope",
            id="watch",
        ),
        pytest.param(
            "GET",
            "/api/v1/namespaces/team-a/pods/web-1/log",
            'pods "web-1" is forbidden: User "system:serviceaccount:ops:agent" cannot get resource "pods/log" in API '
            'group "" in the namespace "team-a"',
            id="subresource",
        ),
        pytest.param(
            "GET",
            "/api/v1/namespaces/default/secrets",
            'secrets is forbidden: User "system:serviceaccount:ops:agent" cannot list resource "secrets" in API group '
            '"" in the namespace "default"',
            id="secrets",
        ),
    ],
)
async def test_a_denied_request_is_forbidden_in_the_real_words(api, method, path, message):
    answer = await api.call(method, path)

    assert (answer.status, answer.json["reason"], answer.json["code"]) == (403, "Forbidden", 403)
    assert answer.json["message"] == message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/nodes/gpu-1"),
        ("GET", "/api/v1/namespaces/team-a/pods/web-1"),
        ("GET", "/api/v1/namespaces/default/pods"),
    ],
)
async def test_what_no_rule_covers_is_allowed(api, method, path):
    assert (await api.call(method, path)).status == 200


async def test_a_rule_can_name_one_object(api):
    body = {"metadata": {"labels": {"a": "b"}}}

    one, three = await api.patch("/api/v1/nodes/gpu-1", body), await api.patch("/api/v1/nodes/gpu-3", body)

    assert (one.status, three.status) == (200, 403)


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"verb": "get", "resource": "nodes"}, True),
        ({"verb": "list", "resource": "nodes"}, False),
        ({"verb": "get", "resource": "pods", "subresource": "log", "namespace": "team-a"}, False),
        ({"verb": "get", "resource": "pods", "subresource": "log", "namespace": "default"}, True),
        ({"verb": "create", "group": "batch", "resource": "jobs"}, True),
    ],
    ids=str,
)
async def test_answers_whether_one_may(api, attributes, allowed):
    answer = await api.post(REVIEWS, {"spec": {"resourceAttributes": attributes}})

    assert (answer.status, answer.json["status"]["allowed"]) == (201, allowed)


async def test_answers_about_paths(api):
    answer = await api.post(REVIEWS, {"spec": {"nonResourceAttributes": {"verb": "get", "path": "/version"}}})

    assert answer.json["status"] == {"allowed": True}


async def test_reads_kubectls_own_encoding(api):
    attributes = _field(2, b"list") + _field(3, b"") + _field(5, b"nodes")
    review = _field(1, b"") + _field(2, _field(1, attributes))
    unknown = _field(1, _field(1, b"authorization.k8s.io/v1") + _field(2, b"SelfSubjectAccessReview"))
    body = b"k8s\0" + unknown + _field(2, review)

    answer = await api.call("POST", REVIEWS, body, type="application/vnd.kubernetes.protobuf")

    assert (answer.status, answer.json["status"]["allowed"]) == (201, False)


def _field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


@pytest.mark.parametrize("body", [b"k8s\0\x12\xff", b"nothing", b"k8s\0\x08\x01"])
async def test_refuses_an_encoding_it_cannot_read(api, body):
    answer = await api.call("POST", REVIEWS, body, type="application/vnd.kubernetes.protobuf")

    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")


async def test_lists_what_one_may(api):
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

    answer = await api.post(path, {"spec": {"namespace": "team-a"}})

    lines = {line["resources"][0]: line["verbs"] for line in answer.json["status"]["resourceRules"]}
    assert set(lines["nodes"]) == {"create", "delete", "deletecollection", "get", "patch", "update"}
    assert "pods/log" not in lines
    assert "secrets" not in lines


async def test_says_who_one_is(api):
    answer = await api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})

    assert answer.json["status"]["userInfo"]["username"] == "system:serviceaccount:ops:agent"


async def test_a_review_is_no_write(api):
    await api.post(REVIEWS, {"spec": {"resourceAttributes": {"verb": "get", "resource": "nodes"}}})

    assert api.store.writes == []
