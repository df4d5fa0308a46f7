"""The source's two tools over the kubelet and Loki, on good days and bad ones."""

import json
from datetime import timedelta

import pytest

from gcm_sentinel.domain.entity import EntityKind
from gcm_sentinel.domain.evidence import ResultStatus

NODE = "gpu-r03-n05"
FILES = f"/api/v1/nodes/{NODE}/proxy/logs"
XID = "2026-11-20T19:56:23.123456+00:00 gpu-r03-n05 kernel: [12345.678901] NVRM: Xid (PCI:0000:17:00): 79, GPU lost"
OLDER = "2026-11-19T10:00:00.000000+00:00 gpu-r03-n05 kernel: [    0.000000] Linux version 6.8.0-45-generic"


async def test_reads_a_simulated_node_end_to_end(served):
    place = await served()

    result = await place.call("read_kernel_log")

    rows = {row["xid"]: row for row in result.summary["xids"]}
    assert result.status is ResultStatus.OK
    assert (rows[79]["pci"], rows[79]["lead"], rows[45]["lead"]) == (place.pci, True, False)
    assert rows[45]["processes"] == ["python3"]
    assert rows[79]["example"] in result.raw
    assert result.summary["records"][0]["kind"] == "aer_corrected"
    assert {entity.kind for entity in result.entities} == {EntityKind.NODE, EntityKind.GPU}


async def test_a_forbidden_log_is_unavailable_and_names_the_rule(served):
    place = await served("forbidden")

    result = await place.call("read_kernel_log")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "nodes/proxy" in result.note
    assert "Loki" in result.note


async def test_reads_a_service_journal_of_a_simulated_node(served):
    place = await served()

    result = await place.call("read_service_log", service="kubelet")

    assert result.status is ResultStatus.OK
    assert result.summary["unit"] == "kubelet"
    assert result.summary["lines_total"] == len(result.raw.splitlines()) > 0


async def test_falls_back_to_syslog_where_there_is_no_kern_log(upstream, read):
    upstream.kern_log(OLDER, XID, name="syslog")

    result = await read("read_kernel_log")

    assert result.summary["transport"] == "kubelet:syslog"
    assert result.summary["xids"][0]["xid"] == 79


async def test_reads_the_rotated_file_when_the_present_one_begins_too_late(upstream, read):
    upstream.kern_log(XID)
    upstream.kern_log(OLDER, name="kern.log.1")

    result = await read("read_kernel_log")

    assert result.summary["lines_total"] == 2
    assert result.summary["covers_from"] == "2026-11-19T20:00:00Z"


async def test_does_not_fetch_the_rotated_file_without_need(upstream, read):
    upstream.kern_log(OLDER, XID)

    await read("read_kernel_log", since="1h")

    assert upstream.asked == [f"{FILES}/kern.log"]


async def test_says_when_the_log_begins_after_the_time_asked_for(upstream, read):
    upstream.kern_log(XID)

    result = await read("read_kernel_log", since="24h")

    assert "begins at 2026-11-20T19:56:23Z" in result.note


async def test_a_boot_that_is_not_in_the_log_is_unavailable_not_clean(upstream, read):
    upstream.kern_log(OLDER, XID)

    result = await read("read_kernel_log", boot="-1")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "1 boot(s)" in result.note


async def test_an_empty_log_proves_no_absence(upstream, read):
    upstream.kern_log("")

    result = await read("read_kernel_log")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "proves no absence" in result.note


async def test_a_leftover_empty_file_does_not_hide_the_one_that_is_written(upstream, read):
    upstream.kern_log("")
    upstream.kern_log(OLDER, XID, name="messages")

    result = await read("read_kernel_log")

    assert (result.status, result.summary["transport"]) == (ResultStatus.OK, "kubelet:messages")


async def test_times_without_a_zone_are_said_to_be_a_guess(upstream, read):
    upstream.kern_log("Nov 20 19:56:23 gpu-r03-n05 kernel: NVRM: Xid (PCI:0000:17:00): 79, GPU lost", name="messages")

    result = await read("read_kernel_log")

    assert result.summary["xids"][0]["first_at"] == "2026-11-20T19:56:23Z"
    assert "no zone" in result.note


async def test_a_boot_given_as_a_number_looks_as_far_back_as_one_given_as_text(upstream, read):
    upstream.kern_log(OLDER, XID)

    numbers, words = await read("read_kernel_log", boot=-1), await read("read_kernel_log", boot="-1")

    assert numbers.time_range == words.time_range


async def test_the_overview_tells_the_latest_burst_first(upstream, read):
    later = XID.replace("19:56:23", "19:59:50").replace("12345.", "12555.").replace("): 79", "): 48")
    upstream.kern_log(OLDER, XID, later, later.replace("): 48", "): 45"))

    result = await read("read_kernel_log")

    lines = list(result.summary["overview"].items())
    assert lines[0][0] == "burst 2, boot 0"
    assert lines[0][1].startswith("2026-11-20T19:59:50Z to 2026-11-20T19:59:50Z: Xid 48 (")
    assert lines[0][1].endswith("on 0000:17:00 leads; also Xid 45")


async def test_a_kubelet_without_log_files_is_unavailable(upstream, read):
    upstream.answers[f"/api/v1/nodes/{NODE}"] = (200, json.dumps({"kind": "Node", "metadata": {"name": NODE}}))

    result = await read("read_kernel_log")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "kern.log, syslog, messages" in result.note


async def test_a_file_server_the_kernel_complains_of_is_an_entity(upstream, read):
    upstream.kern_log(XID, XID.split("NVRM", 1)[0] + "nfs: server 10.2.0.9 not responding, still trying")

    result = await read("read_kernel_log", since="24h")

    assert [entity.name for entity in result.entities if entity.kind is EntityKind.SERVICE] == ["10.2.0.9"]


async def test_an_unreachable_kubelet_is_unavailable(upstream, read):
    upstream.answers[f"{FILES}/kern.log"] = (502, "dial tcp 10.0.0.5:10250: i/o timeout")

    result = await read("read_kernel_log")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "Loki" in result.note
    assert "ClusterRole" not in result.note, "a permission does not help a silent kubelet"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read_kernel_log", {"node_name": "../../secrets"}),
        ("read_kernel_log", {"node_name": "a/b"}),
        ("read_kernel_log", {"since": "yesterday"}),
        ("read_kernel_log", {"since": "400d"}),
        ("read_kernel_log", {"boot": "-7"}),
        ("read_service_log", {}),
        ("read_service_log", {"service": "../kern.log"}),
        ("read_service_log", {"service": "-x"}),
        ("read_service_log", {"service": 'kubelet"} or {a="b'}),
        ("read_tea_leaves", {}),
    ],
    ids=str,
)
async def test_wrong_arguments_are_answered_in_words_and_nothing_is_asked(upstream, read, tool, arguments):
    result = await read(tool, **arguments)

    assert result.status is ResultStatus.ERROR
    assert result.note
    assert upstream.asked == []


async def test_a_kubelet_without_log_query_is_told_by_its_file_list(upstream, read):
    upstream.answers[f"{FILES}/"] = (200, '<pre>\n<a href="kern.log">kern.log</a>\n</pre>')

    result = await read("read_service_log", service="kubelet")

    assert result.status is ResultStatus.UNAVAILABLE
    assert "NodeLogQuery" in result.note


def loki(upstream, *entries: tuple[timedelta, str], stream: dict[str, str]) -> None:
    upstream.answers["/loki/api/v1/labels"] = (200, json.dumps({"status": "success", "data": sorted(stream)}))
    base_ns = 1795204800 * 10**9  # 20:00 of the tests' day
    values = [[str(base_ns + int(gap.total_seconds() * 1e9)), line] for gap, line in entries]
    body = {"status": "success", "data": {"resultType": "streams", "result": [{"stream": stream, "values": values}]}}
    upstream.answers["/loki/api/v1/query_range"] = (200, json.dumps(body))


async def test_loki_is_asked_first_and_its_labels_tell_the_transport(upstream, read):
    line = "NVRM: Xid (PCI:0000:17:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."
    loki(upstream, (timedelta(minutes=-5), line), stream={"node": NODE, "transport": "kernel"})

    result = await read("read_kernel_log", loki=True)

    assert result.summary["transport"] == "loki"
    assert result.summary["xids"][0]["first_at"] == "2026-11-20T19:55:00Z"
    assert not any("/proxy/logs" in path for path in upstream.asked)


async def test_a_program_in_loki_cannot_speak_for_the_kernel(upstream, read):
    line = "NVRM: Xid (PCI:0000:17:00): 79, GPU has fallen off the bus."
    stream = {"node": NODE, "job": "systemd-journal", "syslog_identifier": "python3"}
    loki(upstream, (timedelta(minutes=-5), line), stream=stream)

    result = await read("read_kernel_log", loki=True)

    assert result.summary["xids"] == []
    assert result.summary["records"][0]["code"] == "xid_text_not_from_kernel"


async def test_what_one_print_wrote_over_several_lines_is_read_line_by_line(upstream, read):
    print_ = (
        "NVRM: The NVIDIA GPU 0000:18:00.0\nNVRM: (PCI ID: 10de:2330) installed in this system has\n"
        "NVRM: fallen off the bus and is not responding to commands."
    )
    loki(upstream, (timedelta(minutes=-5), print_), stream={"node": NODE, "transport": "kernel"})

    result = await read("read_kernel_log", loki=True)

    assert [(row["kind"], row["device"]) for row in result.summary["records"]] == [("off_bus_banner", "0000:18:00")]


async def test_a_failing_loki_falls_back_to_the_kubelet_and_says_so(upstream, read):
    upstream.answers["/loki/api/v1/labels"] = (500, "no quorum")
    upstream.kern_log(OLDER, XID)

    result = await read("read_kernel_log", loki=True)

    assert result.summary["transport"] == "kubelet:kern.log"
    assert "Loki failed" in result.note


async def test_is_available_where_a_kubelet_may_be_read(served):
    place = await served()

    assert (await place.source.is_available()).usable is True


async def test_is_not_available_where_rbac_forbids_it_and_says_what_to_do(served):
    place = await served("forbidden")

    availability = await place.source.is_available()

    assert availability.usable is False
    assert "nodes/proxy" in availability.how_to_enable
