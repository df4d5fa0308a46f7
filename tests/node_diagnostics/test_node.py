"""`processes`, `driver` and `host_memory`, from procfs and sysfs."""

from __future__ import annotations

import pytest
from tests.node_diagnostics.conftest import UUID_0, Tree, told
from tests.node_telemetry.nvml_library import NvmlLibrary

from sentinel_node.diagnostics.catalogue import NamedChecks
from sentinel_node.domain.containers import Container, container_of
from sentinel_node.domain.diagnosis import Status
from sentinel_node.domain.processes import HostProcess
from sentinel_node.kernel.processes import ProcessFiles

POD = "0f3c2d10-1111-4222-8333-444455556666"
CONTAINER = "ab" * 32
SYSTEMD = f"/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice/cri-containerd-{CONTAINER}.scope"


@pytest.mark.parametrize(
    ("cgroup", "container"),
    [
        pytest.param(SYSTEMD, Container(POD, CONTAINER), id="systemd"),
        pytest.param(f"/kubepods/burstable/pod{POD}/{CONTAINER}", Container(POD, CONTAINER), id="cgroupfs"),
        pytest.param(f"/system.slice/docker-{CONTAINER}.scope", Container("", CONTAINER), id="docker"),
        pytest.param("/user.slice/user-1000.slice/session-3.scope", Container(), id="a login"),
    ],
)
def test_a_control_group_names_pod_and_container(cgroup: str, container: Container):
    assert container_of(cgroup) == container


def test_a_process_is_described_without_what_it_was_started_with(tree: Tree):
    tree.write("proc/stat", "cpu 1 2 3\nbtime 1795000000\n")
    tree.write("proc/41/cmdline", "train\0--token=secret")
    tree.start(41, name="a (b) c", cgroup=SYSTEMD)

    assert ProcessFiles(tree.root, ticks_per_s=100).describe((41,)) == (
        HostProcess(41, "a (b) c", 1000, 1_795_000_100_000_000_000, SYSTEMD, "S"),
    )


def test_of_many_control_groups_the_one_that_names_the_pod_is_told(tree: Tree):
    tree.start(41)
    tree.write("proc/41/cgroup", f"12:pids:/\n5:memory:{SYSTEMD}\n1:name=systemd:/init.scope\n")

    assert ProcessFiles(tree.root).describe((41,))[0].cgroup == SYSTEMD


def test_a_process_that_has_ended_is_left_out(tree: Tree):
    tree.start(41)

    assert [process.pid for process in ProcessFiles(tree.root).describe((40, 41))] == [41]


def test_who_holds_a_gpu_is_told_with_pod_and_container(checks: NamedChecks, tree: Tree, library: NvmlLibrary):
    library.gpus[0].processes = [41]
    tree.start(41, cgroup=SYSTEMD)

    holder = checks.diagnose("processes").observations[0]

    assert (holder.subject, holder.status) == (UUID_0, Status.OK)
    assert (told(holder)["name"], told(holder)["pod_uid"]) == ("python3", POD)


@pytest.mark.parametrize(("state", "status"), [("R", Status.OK), ("D", Status.WARNING), ("Z", Status.BAD)])
def test_a_holder_that_cannot_let_go_is_not_well(
    checks: NamedChecks, tree: Tree, library: NvmlLibrary, state: str, status: Status
):
    library.gpus[0].processes = [41]
    tree.start(41, state=state)

    assert checks.diagnose("processes").observations[0].status is status


def test_a_holder_that_is_not_seen_here_is_unknown(checks: NamedChecks, library: NvmlLibrary):
    library.gpus[0].processes = [41]

    assert checks.diagnose("processes").observations[0].status is Status.UNKNOWN


def test_the_driver_is_told_by_version_and_kind(checks: NamedChecks):
    figures = told(checks.diagnose("driver").observations[0])

    assert (figures["module_version"], figures["module_kind"], figures["newest_cuda"]) == ("580.95.05", "open", "13.0")


@pytest.mark.parametrize(
    ("version", "modules", "status", "words"),
    [
        pytest.param(
            "570.1", "nvidia nvidia_uvm", Status.BAD, "570.1, the library's driver 580.95.05", id="other version"
        ),
        pytest.param("580.95.05", "nvidia", Status.WARNING, "CUDA cannot start", id="no UVM"),
        pytest.param("580.95.05", "nvidia nvidia_uvm nouveau", Status.BAD, "nouveau", id="rival"),
        pytest.param("", "", Status.BAD, "nvidia is not loaded", id="not loaded"),
    ],
)
def test_what_does_not_fit_is_said(
    checks: NamedChecks, tree: Tree, version: str, modules: str, status: Status, words: str
):
    tree.load_driver(version, modules)

    diagnosis = checks.diagnose("driver")

    assert diagnosis.status is status
    assert words in diagnosis.observations[0].text


def test_a_library_that_cannot_be_opened_is_said_beside_the_module(checks: NamedChecks, library: NvmlLibrary):
    library.init_codes = [18]

    diagnosis = checks.diagnose("driver")

    assert diagnosis.status is Status.UNKNOWN
    assert "restart sentinel-node" in diagnosis.observations[0].text


@pytest.mark.parametrize(
    ("available_kib", "corrected", "uncorrected", "status"),
    [
        pytest.param(1_000_000, 0, 0, Status.OK, id="well"),
        pytest.param(40_000, 0, 0, Status.WARNING, id="scarce"),
        pytest.param(1_000_000, 3, 0, Status.WARNING, id="corrected"),
        pytest.param(1_000_000, 3, 1, Status.BAD, id="uncorrected"),
    ],
)
def test_host_memory_is_judged_by_what_is_left_and_by_errors(
    checks: NamedChecks, tree: Tree, available_kib: int, corrected: int, uncorrected: int, status: Status
):
    tree.write("proc/meminfo", f"MemTotal: 1000000 kB\nMemAvailable: {available_kib} kB\nHugePages_Total: 4\n")
    tree.write("sys/devices/system/edac/mc/mc0/ce_count", str(corrected))
    tree.write("sys/devices/system/edac/mc/mc1/ue_count", str(uncorrected))

    diagnosis = checks.diagnose("host_memory")

    assert (diagnosis.status, told(diagnosis.observations[0])["huge_pages"]) == (status, "4")


def test_host_memory_whose_errors_nobody_counts_is_unknown(checks: NamedChecks, tree: Tree):
    tree.write("proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 900000 kB\n")

    assert checks.diagnose("host_memory").status is Status.UNKNOWN
