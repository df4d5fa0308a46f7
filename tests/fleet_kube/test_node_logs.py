"""/var/log of a node through the proxy: the kernel log as a file, journals by query."""

from __future__ import annotations

import pytest

LOGS = "/api/v1/nodes/gpu-1/proxy/logs/"
STAMP = "2027-01-15T0{}:00:00.000000"


def kernel(hour, text):
    return f"{STAMP.format(hour)}+00:00 gpu-1 kernel: {text}"


def journal(hour, text):
    return f"{STAMP.format(hour)}Z gpu-1 kubelet[7]: {text}"


BOOT = "[    0.000000] Linux version 6.8.0"


@pytest.fixture
def logs(logs):
    logs.kernel["gpu-1"] = [kernel(1, BOOT), kernel(2, "[ 3600.0] old"), kernel(4, BOOT), kernel(5, "[ 3600.0] Xid")]
    logs.journals["gpu-1", "kubelet"] = [journal(hour, f"at {hour}") for hour in (2, 5, 6, 7)]
    logs.journals["gpu-1", "containerd"] = [journal(6, "containerd").replace("kubelet", "containerd")]
    return logs


async def test_lists_the_files(api):
    answer = await api.get(LOGS)

    assert '<a href="kern.log">kern.log</a>\n' in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_gives_the_kernel_log_whole(api):
    answer = await api.get(f"{LOGS}kern.log")

    assert answer.text.splitlines() == api.logs.kernel["gpu-1"]


async def test_a_rotated_log_is_two_files(api):
    api.logs.__class__.kernel_log_rotated_at = lambda self, node: 1_799_985_600.0  # 2027-01-15T04:00:00Z
    try:
        current, older = await api.get(f"{LOGS}kern.log"), await api.get(f"{LOGS}kern.log.1")
    finally:
        del api.logs.__class__.kernel_log_rotated_at

    assert current.text.splitlines() == api.logs.kernel["gpu-1"][2:]
    assert older.text.splitlines() == api.logs.kernel["gpu-1"][:2]


@pytest.mark.parametrize(
    ("query", "hours"),
    [
        pytest.param({"query": "kubelet"}, (5, 6, 7), id="current boot"),
        pytest.param({"query": "kubelet.service"}, (5, 6, 7), id="with suffix"),
        pytest.param({"query": "kubelet", "boot": "0"}, (5, 6, 7), id="boot 0"),
        pytest.param({"query": "kubelet", "boot": "-1"}, (2,), id="previous boot"),
        pytest.param({"query": "kubelet", "tailLines": "1"}, (7,), id="tail"),
        pytest.param({"query": "kubelet", "sinceTime": "2027-01-15T06:00:00Z"}, (6, 7), id="since"),
        pytest.param({"query": "kubelet", "untilTime": "2027-01-15T06:00:00Z"}, (5, 6), id="until"),
        pytest.param({"query": "kubelet", "pattern": "at [56]"}, (5, 6), id="pattern"),
    ],
)
async def test_queries_a_journal(api, query, hours):
    answer = await api.get(LOGS, **query)

    assert answer.text.splitlines() == [journal(hour, f"at {hour}") for hour in hours]


async def test_a_unit_without_a_journal_has_no_entries(api):
    answer = await api.get(LOGS, query="nothing")

    assert (answer.status, answer.text) == (200, "-- No entries --\n")


async def test_shows_lines_of_a_clock_that_runs_ahead(api):
    api.logs.journals["gpu-1", "kubelet"] = [journal(9, "an hour from now")]

    answer = await api.get(LOGS, query="kubelet")

    assert answer.text.splitlines() == [journal(9, "an hour from now")]


async def test_a_boot_before_the_first_is_not_available(api):
    answer = await api.get(LOGS, query="kubelet", boot="-2")

    assert answer.text.startswith("Data from the specified boot (-2) is not available")


async def test_a_query_for_a_file_is_the_file(api):
    answer = await api.get(LOGS, query="/var/log/kern.log")

    assert answer.text.splitlines() == api.logs.kernel["gpu-1"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"query": " "}, "may not be empty"),
        ({"query": "kubelet", "boot": "1"}, "must be less than 1"),
        ({"query": "kubelet", "tailLines": "100001"}, "must be between 0 and 100000"),
        ({"query": "kubelet", "tailLines": "x"}, "invalid syntax"),
        ({"query": "kubelet", "sinceTime": "now"}, "invalid time format"),
        ({"query": "kubelet", "pattern": "("}, "pattern: Invalid value"),
        (
            {"query": "kubelet", "sinceTime": "2027-01-15T06:00:00Z", "untilTime": "2027-01-15T05:00:00Z"},
            "must be after `sinceTime`",
        ),
    ],
    ids=str,
)
async def test_refuses_malformed_queries(api, query, message):
    answer = await api.get(LOGS, **query)

    assert answer.status == 400
    assert message in answer.text


@pytest.mark.parametrize(
    "path", [f"{LOGS}syslog", "/api/v1/nodes/gpu-1/proxy/metrics", "/api/v1/nodes/gpu-9/proxy/logs/"]
)
async def test_what_is_not_there_is_not_found(api, path):
    assert (await api.get(path)).status == 404


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [("refuse", 500, "InternalError"), ("503", 503, "ServiceUnavailable"), ("403", 403, "Forbidden")],
)
async def test_a_broken_kubelet_is_reported(api, fault, status, reason):
    api.faults.broken["kernel_log", "gpu-1"] = fault

    broken, healthy = await api.get(f"{LOGS}kern.log"), await api.get("/api/v1/nodes/gpu-2/proxy/logs/kern.log")

    assert (broken.status, broken.json["reason"]) == (status, reason)
    assert healthy.status == 200


async def test_an_emptied_log_is_an_empty_file(api):
    api.faults.broken["kernel_log", "gpu-1"] = "empty"

    answer = await api.get(f"{LOGS}kern.log")

    assert (answer.status, answer.text) == (200, "")
