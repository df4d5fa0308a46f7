"""A run that was killed goes on where it was; one that was interrupted says how."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
_CASES = 6
_DEADLINE_S = 180


@pytest.fixture
def run(tmp_path):
    """Starts `eval` over six cases, one at a time."""

    async def start(*more: str) -> asyncio.subprocess.Process:
        command = ("eval", "--scenario", "one-off-109", "--seeds", str(_CASES), "--no-variants", "--jobs", "1")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GCM_SENTINEL_")}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gcm_sentinel", *command, "--output", "r.json", *more),
            cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    return start


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "r.json.journal"


async def stop_after(words: bytes, process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[str, str]:
    """Sends the signal once the words are told; what the process has said."""
    assert process.stderr is not None
    async with asyncio.timeout(_DEADLINE_S):
        said = b""
        while words not in said:
            said += await process.stderr.readline()
        process.send_signal(number)
        out, err = await process.communicate()
    return out.decode(), (said + err).decode()


async def stop_after_the_first_case(process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[str, str]:
    return await stop_after(b"pass one-off-109", process, number)


async def finish(process: asyncio.subprocess.Process) -> tuple[str, str]:
    async with asyncio.timeout(_DEADLINE_S):
        out, err = await process.communicate()
    return out.decode(), err.decode()


async def test_a_run_that_was_killed_goes_on_without_what_it_has(run, journal, tmp_path):
    killed = await run()
    await stop_after_the_first_case(killed, signal.SIGKILL)
    done = journal.read_text().splitlines()[1:]

    out, err = await finish(await run("--resume"))

    assert killed.returncode == -signal.SIGKILL
    assert 1 <= len(done) < _CASES
    assert f"; {len(done)} are done" in err
    assert err.count("pass one-off-109") == _CASES - len(done)
    written = json.loads((tmp_path / "r.json").read_text())
    assert [case["seed"] for case in written["cases"]] == [1, 2, 3, 4, 5, 6]
    assert f"passed {_CASES}/{_CASES}" in out
    assert not journal.exists()


async def test_a_run_that_was_interrupted_says_how_to_go_on(run, journal):
    process = await run()

    _, err = await stop_after_the_first_case(process, signal.SIGINT)

    assert process.returncode == 130
    assert "of 6 cases are done; they are in r.json.journal, and --resume goes on" in err
    assert journal.exists()


async def test_a_run_that_was_interrupted_before_any_case_was_done_says_only_that(run):
    process = await run()

    _, err = await stop_after(b"6 cases", process, signal.SIGINT)

    assert process.returncode == 130
    assert err.splitlines()[1:] == ["interrupted: none of 6 cases is done"]


async def test_a_run_does_not_go_on_with_other_cases(run, journal):
    await stop_after_the_first_case(await run(), signal.SIGKILL)
    before = journal.read_bytes()

    process = await run("--resume", "--without", "dcgm")
    _, err = await finish(process)

    assert process.returncode == 2
    assert "made with other settings: without was [[]], is [['dcgm']]" in err
    assert journal.read_bytes() == before
