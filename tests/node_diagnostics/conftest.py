"""A machine as a tree of files, and a driver library of two GPUs that are plugged into it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.node_telemetry.nvml_library import NvmlLibrary, loaded

from sentinel_node.diagnostics.catalogue import NamedChecks
from sentinel_node.diagnostics.machine import Machine
from sentinel_node.domain.diagnosis import Observation
from sentinel_node.nvml.reader import NvmlReader

GPU_0, GPU_1 = "0000:1b:00.0", "0000:2b:00.0"
UUID_0, UUID_1 = "GPU-00000000-0000-4000-8000-000000000000", "GPU-00000001-0000-4000-8000-000000000000"
ANSWERS = b"\xde\x10\x30\x23"


class Tree:
    """Below `root`, what the kernel shows of a node with H100s."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/bus/pci/devices").mkdir(parents=True)
        self.write("proc/uptime", "600.0 1000.0")

    def write(self, path: str, content: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def plug(self, address: str, **files: str | bytes) -> None:
        """A GPU below a port of its own; `files` replace what it shows."""
        port = f"sys/devices/pci0000:00/0000:{address[5:7]}:01.0"
        shown: dict[str, str | bytes] = {
            "vendor": "0x10de",
            "device": "0x2330",
            "class": "0x030200",
            "config": ANSWERS,
            "current_link_speed": "32.0 GT/s PCIe",
            "current_link_width": "16",
            "max_link_speed": "32.0 GT/s PCIe",
            "max_link_width": "16",
            "aer_dev_correctable": "RxErr 0\nBadTLP 0\nTOTAL_ERR_COR 0",
            "aer_dev_nonfatal": "DLP 0\nTOTAL_ERR_NONFATAL 0",
            "aer_dev_fatal": "DLP 0\nTOTAL_ERR_FATAL 0",
        }
        for name, content in {**shown, **files}.items():
            self.write(f"{port}/{address}/{name}", content)
        self.port(address)
        driver = self.root / "sys/bus/pci/drivers/nvidia"
        driver.mkdir(parents=True, exist_ok=True)
        (self.root / port / address / "driver").symlink_to(driver)
        (self.root / "sys/bus/pci/devices" / address).symlink_to(self.root / port / address)

    def port(self, address: str, **files: str) -> None:
        """What the port above a GPU shows."""
        shown = {
            "class": "0x060400",
            "vendor": "0x1000",
            "max_link_speed": "32.0 GT/s PCIe",
            "max_link_width": "16",
            "aer_dev_correctable": "RxErr 0",
        }
        for name, content in {**shown, **files}.items():
            self.write(f"sys/devices/pci0000:00/0000:{address[5:7]}:01.0/{name}", content)

    def load_driver(self, version: str = "580.95.05", modules: str = "nvidia_uvm nvidia") -> None:
        self.write("proc/modules", "".join(f"{name} 1 0 - Live 0x0\n" for name in modules.split()))
        self.write("sys/module/nvidia/version", f"{version}\n")
        banner = f"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build\nGCC version: 13\n"
        self.write("proc/driver/nvidia/version", banner)

    def start(self, pid: int, name: str = "python3", state: str = "S", cgroup: str = "/") -> None:
        """A process that began 100 s after the boot."""
        later = " ".join(["1"] * 18)
        self.write(f"proc/{pid}/stat", f"{pid} ({name}) {state} {later} 10000 0 0")
        self.write(f"proc/{pid}/status", f"Name:\t{name}\nUid:\t1000\t0\t0\t0\n")
        self.write(f"proc/{pid}/cgroup", f"0::{cgroup}\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Both GPUs plugged in, the driver loaded."""
    tree = Tree(tmp_path)
    tree.plug(GPU_0)
    tree.plug(GPU_1)
    tree.load_driver()
    return tree


@pytest.fixture
def library() -> Iterator[NvmlLibrary]:
    with loaded(gpus=2) as library:
        yield library


@pytest.fixture
def checks(tree: Tree, library: NvmlLibrary) -> Iterator[NamedChecks]:
    reader = NvmlReader(timedelta(seconds=30))
    yield NamedChecks(Machine(reader, tree.root))
    reader.close()


def told(observation: Observation) -> dict[str, str]:
    """The figures by name."""
    return {figure.name: figure.value for figure in observation.figures}
