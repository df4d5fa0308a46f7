"""A gateway that is killed: what it acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sentinel_core.agent_process import numbered
from tests.sentinel_core.gateway import AGENT, Place, gpu
from tests.sentinel_core.test_what_is_recorded import executions

from sentinel.v1 import probe_pb2

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def run_and_kill(folder: Path, first: int, rounds: int) -> int:
    """The last batch it acknowledged; it is killed in the middle of something after so many rounds."""
    command = [sys.executable, "-m", "tests.sentinel_core.agent_process", str(folder), str(first)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as process:  # noqa: S603  ours
        assert process.stdout is not None
        for _ in range(rounds):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
    return int(rest[-1]) if rest else last


async def check(folder: Path, acknowledged: int) -> None:
    """All up to `acknowledged` are there, and sending all again changes nothing but what was in flight."""
    place = Place(f"sqlite:///{folder}/gateway.db", folder)
    async with place.running() as core:
        health = await core.gpu_health(gpu().uuid)
        assert acknowledged + 1 <= health.probe_fail_count <= acknowledged + 1 + 6
        assert health.probe_pass_count == health.probe_fail_count
        for number in range(acknowledged + 4):
            await core.report_probes(AGENT, numbered(number))
        again = await core.gpu_health(gpu().uuid)
        assert again.probe_fail_count == max(health.probe_fail_count, acknowledged + 4)
    failures = [probe_pb2.ProbeExecution.FromString(entry.data).execution_id for entry in executions(place)]
    assert len(failures) == len(set(failures)) == again.probe_fail_count


async def test_after_one_kill(tmp_path: Path):
    await check(tmp_path, run_and_kill(tmp_path, 0, rounds=5))


async def test_after_many_kills(tmp_path: Path):
    first = 0
    for rounds in (1, 3, 8, 2, 5, 13):
        last = run_and_kill(tmp_path, first, rounds)
        await check(tmp_path, last)
        first = last + 4
