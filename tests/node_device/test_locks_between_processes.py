"""One probe per GPU on the whole machine: between the agent, the command and whatever else probes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from tests.node_scheduling.workers import Node, until

from sentinel_node.app.machine import locks_of
from sentinel_node.app.settings import Settings
from sentinel_node.device.locks import GpuLocks
from sentinel_node.domain.errors import Busy, Unavailable
from sentinel_node.domain.leases import Leases

GPU, OTHER = "GPU-1", "GPU-2"
HOLDS_UNTIL_KILLED = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def agent(tmp_path: Path) -> Leases:
    return Leases(GpuLocks(tmp_path / "locks", pid=11))


@pytest.fixture
def command(tmp_path: Path) -> Leases:
    return Leases(GpuLocks(tmp_path / "locks", pid=22))


def test_a_gpu_that_another_process_probes_is_busy_and_its_holder_is_told(agent: Leases, command: Leases):
    agent.take(GPU, "the schedule (fma)")

    with pytest.raises(Busy, match=r"held by process 11, the schedule \(fma\)"):
        command.take(GPU, "the command line (aes)")


def test_another_gpu_is_free(agent: Leases, command: Leases):
    agent.take(GPU, "the schedule (fma)")

    command.take(OTHER, "the command line (aes)")

    assert (list(agent.holders()), list(command.holders())) == ([GPU], [OTHER])


def test_a_gpu_that_was_given_back_is_free_and_names_nobody(agent: Leases, command: Leases, tmp_path: Path):
    with agent.held(GPU, "the schedule (fma)"):
        pass

    assert (tmp_path / "locks" / f"{GPU}.lock").read_text() == ""
    command.take(GPU, "the command line (aes)")


def test_a_holder_within_the_process_is_named_without_a_look_at_the_file(agent: Leases, tmp_path: Path):
    agent.take(GPU, "somebody (fma)")
    (tmp_path / "locks" / f"{GPU}.lock").write_text("")

    with pytest.raises(Busy, match=r"somebody \(fma\)"):
        agent.take(GPU, "the schedule (aes)")


def test_a_lock_goes_with_the_process_that_held_it(agent: Leases, tmp_path: Path):
    (tmp_path / "locks").mkdir()
    file = tmp_path / "locks" / f"{GPU}.lock"
    program = [sys.executable, "-I", "-S", "-c", HOLDS_UNTIL_KILLED, str(file)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: S603
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Busy, match="another process"):
            agent.take(GPU, "the schedule (fma)")
        file.write_text('{"pid": 33, "what": "a run that was killed"}')
        other.kill()

    agent.take(GPU, "the schedule (fma)")


def test_what_stands_in_a_file_that_nobody_holds_means_nothing(agent: Leases, tmp_path: Path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / f"{GPU}.lock").write_text('{"pid": 33, "what": "long gone"}')

    agent.take(GPU, "the schedule (fma)")


def test_nobody_else_can_open_a_lock(agent: Leases, tmp_path: Path):
    agent.take(GPU, "the schedule (fma)")

    assert (tmp_path / "locks" / f"{GPU}.lock").stat().st_mode & 0o077 == 0


def test_a_lock_whose_holder_cannot_be_written_down_is_held_and_given_back_all_the_same(tmp_path: Path):
    (tmp_path / f"{GPU}.lock").touch()
    agent, command = GpuLocks(tmp_path, pid=11), GpuLocks(tmp_path, pid=22)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most[1]))  # as on a full disk, every write fails
    try:
        agent.take(GPU, "the schedule (fma)")
        with pytest.raises(Busy, match="another process"):
            command.take(GPU, "the command line (aes)")
        agent.give_back(GPU)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)

    command.take(GPU, "the command line (aes)")


def test_a_lock_that_is_not_got_leaves_no_open_file(agent: Leases, command: Leases):
    agent.take(GPU, "the schedule (fma)")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  numbers are enough

    with pytest.raises(Busy):
        command.take(GPU, "the command line (aes)")

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can make a folder for somebody else")
def test_folders_that_root_makes_belong_to_whom_the_state_belongs(tmp_path: Path):
    os.chown(tmp_path, 1000, 1001)
    folder = tmp_path / "state" / "gpu-locks"

    GpuLocks(folder).take(GPU, "the command line (aes)")

    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (folder.parent, folder, folder / f"{GPU}.lock")}
    assert owners == {(1000, 1001)}


def test_where_there_can_be_no_lock_nothing_is_probed(tmp_path: Path):
    (tmp_path / "locks").write_text("no folder")
    locks = GpuLocks(tmp_path / "locks", pid=os.getpid())

    with pytest.raises(Unavailable, match="setting `state_dir`"):
        Leases(locks).take(GPU, "the schedule (fma)")
    with pytest.raises(Unavailable, match="setting `state_dir`"):
        locks.check()


async def test_the_schedule_puts_off_what_another_process_holds_up(tmp_path: Path):
    command, node = GpuLocks(tmp_path, pid=22), Node(leases=Leases(GpuLocks(tmp_path, pid=11)))
    worker = node.worker()
    command.take("GPU-0", "the command line (aes)")

    await worker.turn()
    assert node.reports == []

    command.give_back("GPU-0")
    node.now_s += 1000
    await worker.turn()
    await until(lambda: bool(node.reports))


def test_gpus_of_the_machine_are_locked_and_gpus_in_software_are_not(tmp_path: Path):
    assert locks_of(Settings(state_dir=tmp_path)) is not None
    assert locks_of(Settings(state_dir=tmp_path, software_gpus=1)) is None
