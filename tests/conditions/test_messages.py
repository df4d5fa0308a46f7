"""What condition messages say: the real ones of GCM's checks, other reporters', and anything at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcm_sentinel.domain.condition_message import parse_message

LONG = {
    "node": "gpu-r03-n05", "cluster": "research", "derived_cluster": "research", "health_check": "xid errors",
    "type": "app", "result": 2,
    "_msg": "XID error: 79, XID causes: Bus Error, Driver Error, HW Error, System Memory Corruption, Thermal Issue. ",
    "job_id": 0, "start_time": 1774, "end_time": 1775,
}  # fmt: skip


def record(**fields: object) -> str:
    return json.dumps([{**LONG, **fields}])


def cut(text: str, size: int = 256) -> str:
    return text.encode()[:size].decode(errors="ignore")


XID_79 = cut(record())
ZOMBIE = cut(
    record(
        node="gpu-research-r03-n05.dc1.example.net",
        health_check="check zombie",
        _msg="Found zombie processes. Node needs a reboot.",
    )
)
DIAG = cut(
    record(health_check="check dcgmi diag", result=1, _msg="dcgmi diag command FAILED to execute. error_code: 255")
)
NAMES_ATE_IT = cut(record(node="n" * 60, cluster="c" * 60, derived_cluster="d" * 60))
NVLINK = "gpuId 1: has 0 links down and 1 links disabled."
NVLINK_NO_DCGM = "WARNING - check dcgmi nvlink. dcgmi nvlink -s command FAILED to execute. error_code: 255"
ECC_OK = (
    "ecc_corrected_volatile_total check: exit_code: ExitCode.OK, "
    "all GPUs have ECC errors below the threshold of 50000000."
)
GPU_NUM = (
    "CRITICAL - nvidia smi. gpu_num check: exit_code: ExitCode.CRITICAL, "
    "Number of GPUs present, 7, is different than expected, 8"
)
OTEL_XID = "CRITICAL - xid errors. XID error: 79, XID causes: Bus Error, HW Error. "


CUT, CONTRADICTS, NOT_RUN = "truncated", "contradicts", "check_failed_to_run"
XID_63 = record(result=1, _msg="non-critical XID error: 63, XID causes: HW Error.")
PLUGIN_TIMEOUT = "Timeout when running plugin /scripts/run_health_check.sh: state - signal: killed"
GSP = "NVRM: Xid (PCI:0000:17:00): 119, Timeout after 6s of waiting for RPC response from GPU4 GSP!"


@pytest.mark.parametrize(
    ("message", "starts", "flags", "xids"),
    [
        pytest.param(XID_79, "XID error: 79, XID causes: Bus", {CUT}, [79], id="xid-79-cut"),
        pytest.param(XID_63, "non-critical XID error", set(), [63], id="xid-63-whole"),
        pytest.param(ZOMBIE, "Found zombie processes.", {CUT}, [], id="zombie"),
        pytest.param(DIAG, "dcgmi diag command FAILED", {CUT, NOT_RUN}, [], id="diag-did-not-run"),
        pytest.param(NVLINK, "gpuId 1", set(), [], id="nvlink"),
        pytest.param(NVLINK_NO_DCGM, "WARNING - check dcgmi", {NOT_RUN}, [], id="nvlink-did-not-run"),
        pytest.param(ECC_OK, "ecc_corrected", {CONTRADICTS}, [], id="ok-line-of-another-check"),
        pytest.param(GPU_NUM, "CRITICAL - nvidia smi", set(), [], id="gpu-count"),
        pytest.param(OTEL_XID, "CRITICAL - xid errors", set(), [79], id="otel-sink"),
        pytest.param(PLUGIN_TIMEOUT, "Timeout when", {NOT_RUN}, [], id="plugin-timeout"),
        pytest.param("Kubelet stopped posting node status.", "Kubelet", set(), [], id="kubelet"),
        pytest.param("line 3: nvidia-smi: command not found", "line 3", {NOT_RUN}, [], id="no-command"),
        pytest.param("cat: /var/log/syslog: No such file or directory", "cat", {NOT_RUN}, [], id="no-file"),
        pytest.param("unable to establish a connection to the specified host", "una", {NOT_RUN}, [], id="no-dcgm"),
        pytest.param(GSP, "NVRM", set(), [119], id="a-timeout-of-the-gpu-is-a-fault"),
        pytest.param("Failed to initialize NVML: Driver Not Loaded", "Failed", set(), [], id="no-driver-is-a-fault"),
        pytest.param("GPU Xid errors detected: 79, 48", "GPU Xid", set(), [79, 48], id="two-xids"),
        pytest.param("Xid 13 on GPU 3, 5 times", "Xid 13", set(), [13], id="a-count-is-no-xid"),
        pytest.param("NvidiaXID31Error", "Nvidia", set(), [31], id="eks-reason"),
        pytest.param("GPU count bad 7/8", "GPU count", set(), [], id="aks-count"),
        pytest.param("", "", set(), [], id="empty"),
    ],
)
def test_messages_of_bad_conditions(message, starts, flags, xids):
    parsed = parse_message(message, bad=True)

    assert parsed["text"].startswith(starts)
    assert {flag for flag in (CUT, CONTRADICTS, NOT_RUN) if dict(parsed)[flag]} == flags
    assert parsed["xids"] == xids


def test_an_ok_line_on_a_good_condition_contradicts_nothing():
    assert parse_message(ECC_OK, bad=False)["contradicts"] is False


def test_a_record_whose_words_were_eaten_still_tells_check_and_result():
    parsed = parse_message(cut(record(node="n" * 50, cluster="c" * 50, derived_cluster="d" * 30)), bad=True)

    assert (parsed["health_check"], parsed["result"]) == ("xid errors", 2)
    assert parsed["truncated"]


def test_a_record_eaten_by_names_alone_is_shown_as_it_is():
    parsed = parse_message(NAMES_ATE_IT, bad=True)

    assert parsed["text"].startswith('[{"node": "nnn')
    assert parsed["truncated"]
    assert "health_check" not in parsed


def test_result_unknown_means_the_check_did_not_run():
    parsed = parse_message(record(result=3, _msg="could not tell"), bad=True)

    assert parsed["check_failed_to_run"]


@pytest.mark.parametrize("size", range(20, 330, 7))
def test_every_cut_of_a_record_is_read(size):
    parsed = parse_message(cut(record(_msg='quoted "x" and \\ and é XID error: 48, end'), size), bad=True)

    assert "\\u00" not in parsed["text"] or parsed["text"].startswith("[{")


@given(st.text(), st.booleans())
def test_never_raises_on_any_text(message, bad):
    assert isinstance(parse_message(message, bad=bad)["text"], str)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["_msg", "result", "health_check", "x"]), inner),
    max_leaves=12,
)


@given(json_values, st.integers(0, 300), st.booleans())
def test_never_raises_on_any_cut_json(value, size, bad):
    parsed = parse_message(json.dumps(value)[:size], bad=bad)

    assert all(isinstance(xid, int) for xid in parsed["xids"])
