"""Container logs, and the kubelet's words where there are none."""

from __future__ import annotations

import asyncio

import pytest

LOG = "/api/v1/namespaces/team-a/pods/web-1/log"
NOW = 1_800_000_000.0


@pytest.fixture
def logs(logs):
    logs.pods["team-a/web-1/main", False] = [(NOW - 30 + 10 * n, f"line {n}") for n in range(3)]
    logs.pods["team-a/web-1/main", True] = [(NOW - 90, "NCCL WARN died")]
    return logs


@pytest.mark.parametrize(
    ("query", "text"),
    [
        pytest.param({}, "line 0\nline 1\nline 2\n", id="all"),
        pytest.param({"container": "main"}, "line 0\nline 1\nline 2\n", id="by name"),
        pytest.param({"previous": "true"}, "NCCL WARN died\n", id="previous"),
        pytest.param({"tailLines": "1"}, "line 2\n", id="tail"),
        pytest.param({"tailLines": "0"}, "", id="no tail"),
        pytest.param({"sinceSeconds": "20"}, "line 1\nline 2\n", id="since seconds"),
        pytest.param({"sinceTime": "2027-01-15T07:59:50Z"}, "line 2\n", id="since time"),
        pytest.param({"sinceSeconds": "25", "tailLines": "5"}, "line 1\nline 2\n", id="since and tail"),
        pytest.param({"limitBytes": "9"}, "line 0\nli", id="bytes"),
        pytest.param({"tailLines": "1", "timestamps": "true"}, "2027-01-15T07:59:50.000000Z line 2\n", id="timestamps"),
    ],
)
async def test_reads(api, query, text):
    answer = await api.get(LOG, **query)

    assert (answer.status, answer.text) == (200, text)
    assert answer.headers["Content-Type"].startswith("text/plain")


async def test_a_container_that_never_restarted_has_no_previous_log(api):
    answer = await api.get("/api/v1/namespaces/team-a/pods/web-2/log", previous="true")

    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"] == 'previous terminated container "main" in pod "web-2" not found'


async def test_a_waiting_container_says_what_it_waits_for(api):
    waiting = {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}]}
    api.store.patch("pods", "web-2", {"status": waiting}, namespace="team-a")

    answer = await api.get("/api/v1/namespaces/team-a/pods/web-2/log")

    assert answer.json["message"] == 'container "main" in pod "web-2" is waiting to start: ContainerCreating'


async def test_several_containers_need_a_name(api, make_pod):
    pod = make_pod("two")
    pod["spec"]["containers"].append({"name": "side", "image": "s"})
    api.store.put(pod)

    answer = await api.get("/api/v1/namespaces/team-a/pods/two/log")

    text = "a container name must be specified for pod two, choose one of: [main side]"
    assert (answer.status, answer.json["message"]) == (400, text)


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        pytest.param({"container": "x"}, 400, "container x is not valid for pod web-1", id="container"),
        pytest.param({"tailLines": "-1"}, 422, "tailLines: Invalid value: -1", id="tail"),
        pytest.param({"tailLines": "x"}, 400, "invalid syntax", id="no number"),
        pytest.param({"limitBytes": "0"}, 422, "must be greater than 0", id="bytes"),
        pytest.param({"sinceSeconds": "0"}, 422, "must be greater than 0", id="seconds"),
        pytest.param({"sinceTime": "yesterday"}, 400, "cannot parse", id="time"),
        pytest.param({"sinceTime": "2027-01-15T07:59:50Z", "sinceSeconds": "1"}, 422, "at most one of", id="both"),
    ],
)
async def test_refuses(api, query, status, message):
    answer = await api.get(LOG, **query)

    assert answer.status == status
    assert message in answer.json["message"]


async def test_a_pod_that_is_not_there_has_no_log(api):
    answer = await api.get("/api/v1/namespaces/team-a/pods/nobody/log")

    assert (answer.status, answer.json["message"]) == (404, 'pods "nobody" not found')


async def test_follows_until_the_pod_has_ended(api):
    async with api.session.get(LOG, params={"follow": "true", "tailLines": "1"}) as response, asyncio.timeout(10):
        first = await response.content.readline()
        api.logs.pods["team-a/web-1/main", False].append((NOW, "last"))
        api.store.patch("pods", "web-1", {"status": {"phase": "Succeeded"}}, namespace="team-a")
        rest = await response.content.read()

    assert (first, rest) == (b"line 2\n", b"last\n")


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [("refuse", 500, "InternalError"), ("503", 503, "ServiceUnavailable"), ("403", 403, "Forbidden")],
)
async def test_a_broken_kubelet_is_reported(api, fault, status, reason):
    api.faults.broken["pod_logs", "gpu-1"] = fault

    answer = await api.get(LOG)

    assert (answer.status, answer.json["reason"]) == (status, reason)


async def test_an_emptied_log_is_empty(api):
    api.faults.broken["pod_logs", "gpu-1"] = "empty"

    answer = await api.get(LOG)

    assert (answer.status, answer.text) == (200, "")
