"""One process per state folder; the lock goes with the process, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.storage.lock import StateLock

HOLD = """
import sys, time
from pathlib import Path
from gcm_sentinel.storage.lock import StateLock
with StateLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own words
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_has_it_and_what_to_do(tmp_path, holder):
    with pytest.raises(BadConfiguration) as caught, StateLock(tmp_path / "lock"):
        pass

    words = str(caught.value)
    assert f"pid {holder.pid}" in words
    assert "GCM_SENTINEL_STATE_DIR" in words
    assert "PostgreSQL" in words


def test_a_killed_process_leaves_no_lock_behind(tmp_path, holder):
    holder.kill()
    holder.wait(10)

    with StateLock(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_it_is_given_back_on_leaving(tmp_path):
    with StateLock(tmp_path / "lock"):
        pass

    with StateLock(tmp_path / "lock"):
        pass


def test_the_same_process_cannot_take_it_twice(tmp_path):
    with StateLock(tmp_path / "lock"), pytest.raises(BadConfiguration, match=f"pid {os.getpid()}"):
        StateLock(tmp_path / "lock").__enter__()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadConfiguration, match=r"missing/lock' cannot be opened: No such file"):
        StateLock(tmp_path / "missing" / "lock").__enter__()
