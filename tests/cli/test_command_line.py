"""The command line as a person meets it: its output and its exit code, as a process where that is what is tested."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import structlog

from gcm_sentinel.app.cli import main


@pytest.fixture
def process(tmp_path):
    """Run it as a process of its own, which takes a second to start where much is imported."""

    def call(*arguments, **variables):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GCM_SENTINEL_")}
        return subprocess.run(  # noqa: S603  our own command
            [sys.executable, "-m", "gcm_sentinel", *arguments],
            env=clean | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return call


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    """Run it in this process: all of it but the start."""
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def call(*arguments, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["gcm-sentinel", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), printed.out, printed.err)

    yield call
    structlog.reset_defaults()


def test_version(process):
    done = process("version")

    assert done.returncode == 0
    assert done.stdout.startswith("gcm-sentinel 0.")


def test_help_names_every_command(process):
    done = process("--help")

    assert all(
        name in done.stdout for name in ("serve", "investigate", "demo", "eval", "fleet", "doctor", "notify", "version")
    )


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"GCM_SENTINEL_ACTION_MODE": "yolo"}, "GCM_SENTINEL_ACTION_MODE"),
        ({"GCM_SENTINEL_COOLDOWN": "1"}, "unknown setting GCM_SENTINEL_COOLDOWN"),
        ({"GCM_SENTINEL_KUBECONFIG": "/nowhere/kubeconfig"}, "/nowhere/kubeconfig"),
    ],
    ids=["bad-mode", "unknown-setting", "no-kubeconfig"],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(run, variables, says):
    done = run("doctor", **variables)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [((), "no sink for people is configured"), (("--sink", "slack"), "set GCM_SENTINEL_SLACK_BOT_TOKEN")],
)
def test_a_test_message_without_a_sink_is_one_line_and_exit_code_2(run, arguments, says):
    done = run("notify", "test", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_an_engine_asked_for_without_a_key_is_refused(run):
    done = run("demo", "--engine", "anthropic")

    assert done.returncode == 2
    assert "GCM_SENTINEL_API_KEY" in done.stderr


@pytest.fixture
def shell(tmp_path):
    """Run the command line with redirections, as a shell does."""

    def call(line):
        whole = f"exec {sys.executable} -m gcm_sentinel {line}"
        return subprocess.run(  # noqa: S603  our own command
            ["/bin/sh", "-c", whole], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )

    return call


@pytest.mark.parametrize("command", ["version", "eval --list-classes"])
def test_a_full_disk_is_one_line_and_not_a_success(shell, command):
    done = shell(f"{command} >/dev/full")

    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_crash(shell, closed):
    done = shell(f"version {closed}")

    assert (done.returncode, done.stderr) == (0, "")


def test_eval_finds_out_before_the_run_that_it_cannot_write_its_results(run, tmp_path):
    done = run("eval", "--scenario", "one-off-109", "--output", str(tmp_path))

    assert done.returncode == 2
    assert "cannot be written: Is a directory" in done.stderr
    assert "pass one-off-109" not in done.stderr


def test_eval_writes_the_documented_results_file(run, tmp_path):
    done = run("eval", "--scenario", "one-off-109", "--no-variants", "--output", "out/results.json")

    written = json.loads((tmp_path / "out" / "results.json").read_text())
    case = written["cases"][0]
    assert done.returncode == 0
    assert {"scenario", "seed", "engine", "score", "passed", "parts", "assessment"} <= set(case)
    assert set(case["parts"]) == {
        "root_cause", "entities", "severity", "actions", "evidence", "confidence", "forbidden",
    }  # fmt: skip
    assert written["summary"]["cases"] == 1
    assert "95 % Wilson" in done.stdout


def test_eval_of_an_unknown_scenario_says_which_there_are(run):
    done = run("eval", "--scenario", "no-such-thing")

    assert done.returncode == 2
    assert "off-bus-riser" in done.stderr


@pytest.mark.slow
def test_eval_fails_below_the_required_share(run, tmp_path):
    folder = tmp_path / "wrong"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(UNANSWERABLE)

    done = run("eval", "--scenarios", str(tmp_path), "--require", "1.0")

    assert done.returncode == 1
    assert "passed 0/1" in done.stdout


UNANSWERABLE = """
schema: gcm-sentinel/scenario/v1
id: wrong
title: Nothing happened, and the answer sheet says otherwise
section: A
draw: {node: {node: {}}}
fleet: {racks: 1, nodes_per_rack: 2, history: 6h}
facts:
  - condition: {node: "${node}", at: 0s, type: GpuXid, status: "True", reason: R, message: "XID"}
trigger: {node: "${node}", condition: GpuXid}
expect: {fault_class: [ledger_tampered], severity: [critical]}
"""


def test_an_answer_sheet_with_an_unknown_word_is_refused_before_anything_runs(run, tmp_path):
    folder = tmp_path / "wrong"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(UNANSWERABLE.replace("ledger_tampered", "gremlins"))

    done = run("eval", "--scenarios", str(tmp_path))

    assert done.returncode == 2
    assert "wrong: expect.fault_class.0" in done.stderr
    assert "--list-classes" in done.stderr


def test_a_misspelt_source_is_refused(run, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)

    done = run("doctor", "--kubeconfig", str(kubeconfig), GCM_SENTINEL_DISABLED_SOURCES="promethius")

    assert done.returncode == 2
    assert "did you mean prometheus?" in done.stderr


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
"""
