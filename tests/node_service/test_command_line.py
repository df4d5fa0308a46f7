"""`sentinel-node` as a process: what it prints, and what its exit code means."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.node_service.doubles import BOOT, GPU, line, sample, wrong
from typer.testing import CliRunner

from sentinel_node.app import words
from sentinel_node.app.cli import cli
from sentinel_node.app.exits import of_outcome, of_status
from sentinel_node.domain.diagnosis import Status
from sentinel_node.domain.kernel import KernelPage
from sentinel_node.domain.probes import Finding, Outcome, ProbeKind, ProbePlan, ProbeReport

WITHIN_S = 60.0
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SENTINEL_")}


def ran(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sentinel_node", *arguments]
    return subprocess.run(  # noqa: S603  our own command
        command, env=ENVIRONMENT | variables, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


def test_every_command_is_listed():
    shown = CliRunner().invoke(cli, ["--help"]).output

    commands = ("serve", "probe", "telemetry", "kernel-log", "diagnose", "doctor", "token", "version")
    assert [name for name in commands if name not in shown] == []


def test_help_imports_nothing_heavy():
    heavy = ("grpc", "numpy", "pydantic", "structlog", "sentinel_sdk", "prometheus_client", "yaml")
    code = f"import sys, sentinel_node.app.cli; print([name for name in {heavy!r} if name in sys.modules])"

    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=WITHIN_S, check=True
    )

    assert done.stdout.strip() == "[]"


REPORT = ProbeReport(
    ProbePlan(ProbeKind.FMA, GPU.uuid, seed=7),
    (Finding(Outcome.PASS, 0, "fp32"), wrong(1), Finding(Outcome.NOT_RUN, 2, "fp32", reason="no block landed there")),
    3,
    0,
    2 * 10**9,
    notes=("fp8 was left out",),
)


def test_a_report_says_what_did_not_pass_to_the_bit():
    told = words.report_words(REPORT)

    assert f"fma on {GPU.uuid}: FAIL in 2.00 s (seed 7)" in told
    assert "1 pass, 1 fail, 1 not_run" in told
    assert (
        "SM 1 (fp32): fail: 7 wrong words, bits 0x80000002; the first at byte 16:"
        " 0x00000003 in place of 0x00000001, so bit 1" in told
    )
    assert "SM 2 (fp32): not_run: no block landed there" in told
    assert "note: fp8 was left out" in told


def test_a_report_as_json_can_be_read_back():
    told = json.loads(words.report_json(REPORT))

    assert (told["outcome"], told["plan"]["seed"], told["findings"][1]["mismatch"]["actual"]) == ("fail", 7, "03000000")


def test_a_reading_leaves_out_what_was_not_told():
    told = words.sample_words(sample())

    assert "temperature_c: 41.0" in told
    assert "sram_volatile: corrected 0, uncorrected 3" in told
    assert "fan_speed_pct" not in told


def test_log_lines_end_with_what_was_looked_through():
    told = words.log_words(KernelPage((line(1),), (BOOT,), True, 4, ("no persistent journal",)))

    assert "<3> NVRM: Xid (PCI:0000:9b:00): 79" in told
    assert "older lines matched as well" in told
    assert "4 lines were overwritten" in told
    assert told.endswith("missing: no persistent journal")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("probe", "fma", "--variant", "fp32", "--variant", "fp64"), "--variant is given 2 times, and takes one value"),
        (("probe", "fma", "--seed", "1", "--seed", "1"), "--seed is given 2 times"),
        (("kernel-log", "--since", "-3"), "greater than or equal to 0"),
        (("kernel-log", "--since", "nan"), "Invalid value for '--since'"),
        (("probe", "fma", "--deadline", "inf"), "Invalid value for '--deadline'"),
        (("probe", "fma", "--sm", "-1"), "Invalid value for '--sm'"),
    ],
    ids=["twice", "twice-alike", "the-future", "no-time", "no-deadline", "no-sm"],
)
def test_what_would_be_passed_over_in_silence_is_refused(arguments, words):
    done = CliRunner().invoke(cli, arguments)

    assert (done.exit_code, words in " ".join(done.output.split())) == (2, True), done.output


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.PASS, 0), (Outcome.FAIL, 1), (Outcome.ERROR, 3), (Outcome.TIMEOUT, 3), (Outcome.NOT_RUN, 3)],
)
def test_a_probe_that_gave_no_answer_is_neither_a_pass_nor_a_failure(outcome, code):
    assert of_outcome(outcome) == code


@pytest.mark.parametrize(
    ("status", "code"), [(Status.OK, 0), (Status.WARNING, 1), (Status.BAD, 1), (Status.UNKNOWN, 3)]
)
def test_a_check_that_could_not_look_is_not_well(status, code):
    assert of_status(status) == code


def test_what_is_wrong_with_all_alike_is_told_once():
    hung = Finding(Outcome.TIMEOUT, None, "march_ss", reason="not done after 6 s", tested_bytes=1)

    assert words.report_words(replace(REPORT, findings=(hung,) * 4)).count("not done after 6 s") == 1


def test_sms_of_which_the_same_is_told_share_a_line():
    hung = tuple(Finding(Outcome.TIMEOUT, sm, "fp32", reason="not done") for sm in (*range(132), 140))

    told = words.report_words(
        replace(REPORT, findings=(*hung, Finding(Outcome.NOT_RUN, 133, "fp32", reason="no block")))
    )

    assert told.splitlines()[2:4] == ["  SM 0-131, 140 (fp32): timeout: not done", "  SM 133 (fp32): not_run: no block"]


@pytest.mark.parametrize(
    ("arguments", "to"),
    [(("version",), "/dev/full"), (("version",), "a closed pipe"), (("diagnose", "rm"), "/dev/full")],
    ids=["full", "closed", "both-full"],
)
def test_what_cannot_be_told_is_no_finding(arguments, to):
    """1 would say that the GPU failed, and 120 is Python's own for what it could not write at its end."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing if to != "/dev/full" else to, "wb") as out:  # noqa: PTH123  a descriptor, or a device
        program = [sys.executable, "-m", "sentinel_node", *arguments]
        errors = out if arguments[0] == "diagnose" else subprocess.PIPE
        done = subprocess.run(program, env=ENVIRONMENT, stdout=out, stderr=errors, check=False, timeout=WITHIN_S)  # noqa: S603

    assert done.returncode == (2 if arguments[0] == "diagnose" else 4)
    assert to != "/dev/full" or errors is out or b"No space left" in done.stderr


@pytest.mark.slow
class TestProcess:
    """Real processes."""

    def test_a_newcomer_sees_a_report_without_a_gpu(self):
        done = ran("probe", "fma", "--software", "--variant", "fp32", "--json")

        told = json.loads(done.stdout)
        assert (done.returncode, told["outcome"], len(told["findings"])) == (0, "pass", 132)

    def test_a_fault_is_found_where_it_is(self):
        done = ran("probe", "fma", "--software", "--variant", "fp32", "--fault", "dead_sm:sm=3")

        assert done.returncode == 1
        assert "SM 3 (fp32): fail" in done.stdout

    @pytest.mark.parametrize("kind", ["fma", "shared_memory"])
    def test_a_deep_probe_in_software_comes_to_an_end_and_says_what_was_left_out(self, kind):
        done = ran("probe", kind, "--software", "--deep")

        assert done.returncode == 0, done.stdout
        assert "32 repetitions stand for a deep run" in done.stdout

    def test_a_probe_whose_result_cannot_be_written_is_not_told_as_a_failure(self):
        with Path("/dev/full").open("w") as full:
            program = [sys.executable, "-m", "sentinel_node", "probe", "fma", "--software", "--variant", "fp32"]
            done = subprocess.run(program, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603

        assert done.returncode == 4
        assert "Traceback" in done.stderr
        assert "sentinel-node: unexpected: OSError(28" in done.stderr

    def test_a_deep_probe_that_comes_to_no_end_says_so(self):
        done = ran("probe", "fma", "--software", "--deep", "--repetitions", "1000000", "--deadline", "0.2")

        assert done.returncode == 3
        assert "take fewer --repetitions, or a longer --deadline" in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            (("probe", "warp_drive", "--software"), 2, "there is no probe"),
            (("probe", "fma", "--fault", "hang"), 2, "--software"),
            (("probe", "fma", "--software", "--sm", "500"), 2, "there is no SM 500: this GPU has SMs 0 to 131"),
            (("probe", "memory", "--software", "--fault", "stuck_bit:sm=3,bit=9"), 2, "cannot take effect"),
            (("probe", "fma"), 4, "CuPy"),
            (("telemetry",), 4, "driver"),
            (("diagnose", "rm"), 2, "there is no diagnostic"),
            (("serve", "--listen", "0.0.0.0:1"), 2, "not loopback"),
        ],
        ids=["kind", "fault", "no-sm", "out-of-reach", "no-cuda", "no-driver", "no-name", "settings"],
    )
    def test_what_cannot_be_is_said_with_an_exit_code(self, arguments, code, words):
        done = ran(*arguments)

        assert (done.returncode, done.stdout) == (code, "")
        assert words in done.stderr
        assert "Traceback" not in done.stderr

    def test_the_doctor_says_what_is_missing(self, tmp_path):
        done = ran("doctor", SENTINEL_NODE_STATE_DIR=str(tmp_path))

        assert done.returncode == 1
        assert "missing  telemetry" in done.stdout
        assert "ok       compiler" in done.stdout
        assert {"xid_metrics", "gpu_locks"} < {line.split()[1] for line in done.stdout.splitlines()}

    def test_the_doctor_misses_nothing_that_software_cannot_have(self, tmp_path):
        done = ran("doctor", SENTINEL_NODE_STATE_DIR=str(tmp_path), SENTINEL_NODE_SOFTWARE_GPUS="1")

        assert "none     diagnostics   GPUs in software have none" in done.stdout
        missing = [line for line in done.stdout.splitlines() if line.startswith("missing")]
        assert done.returncode == (1 if missing else 0)  # this machine's kernel log may be out of reach
        assert {line.split()[1] for line in missing} <= {"kernel_log", "xid_metrics"}

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_in_order(self, number, tmp_path: Path):
        command = [sys.executable, "-m", "sentinel_node", "serve", "--software-gpus", "1", "--listen", "127.0.0.1:0"]
        environment = ENVIRONMENT | {"SENTINEL_NODE_METRICS_LISTEN": "127.0.0.1:0", "SENTINEL_NODE_SCHEDULE": "off"}
        with (
            (tmp_path / "log").open("w") as log,
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as node,  # noqa: S603
        ):
            assert node.stdout is not None
            serving = json.loads(node.stdout.readline())
            node.send_signal(number)
            assert node.wait(WITHIN_S) == 0

        assert serving["event"] == "node.serving"
        assert "node.serving" not in (tmp_path / "log").read_text()  # it was told once
        assert "node.stopping" in (tmp_path / "log").read_text()
        assert "Traceback" not in (tmp_path / "log").read_text()
