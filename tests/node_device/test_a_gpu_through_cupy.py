"""What becomes of the driver's answers; CuPy itself needs a GPU, so its functions are stood in for."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from tests.node_device.cupy_library import Library

from sentinel_node.device.cupy_device import CupyDevice
from sentinel_node.device.kernel_images import KernelImages
from sentinel_node.domain.errors import DeviceFailed, DeviceTimeout, OutOfMemory, Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.compiling import Compiled
from sentinel_node.probes.device import Buffer, Launch

GPU = GpuIdentity("GPU-1", 0, "0000:01:00.0", "H200", compute_capability=(9, 0))
NOT_READY, ILLEGAL_ADDRESS, NO_MEMORY = 600, 700, 2


@pytest.fixture
def images(tmp_path):
    """As if ``fma.cu`` had been compiled before."""
    (tmp_path / "fma.cu.sm_90.cubin").write_bytes(b"machine code")
    return KernelImages(tmp_path)


def opened(images, **how):
    library = Library(**how)
    return CupyDevice(GPU, images, library), library


def test_work_that_is_done_is_waited_for(images):
    device, _ = opened(images, statuses=(NOT_READY, NOT_READY, 0))

    device.synchronise(10.0)


def test_a_launch_that_fails_is_an_error_at_once_and_no_timeout(images):
    device, _ = opened(images, statuses=(NOT_READY, ILLEGAL_ADDRESS))

    with pytest.raises(DeviceFailed, match="CUDA error 700"):
        device.synchronise(3600.0)


def test_a_launch_that_does_not_end_is_a_timeout(images):
    device, _ = opened(images, statuses=(NOT_READY,))

    with pytest.raises(DeviceTimeout, match="within 0.0 s"):
        device.synchronise(0.0)


@pytest.mark.parametrize("status", [NOT_READY, ILLEGAL_ADDRESS])
def test_of_a_lost_device_nothing_more_is_asked(images, status):
    device, library = opened(images, statuses=(status,))
    buffer = device.allocate(4096)
    with pytest.raises((DeviceFailed, DeviceTimeout)):
        device.synchronise(0.0)

    device.release(buffer)

    assert "free" not in library.asked


def test_giving_memory_back_never_hides_why_a_probe_ended(images):
    device, library = opened(images, free_error=ILLEGAL_ADDRESS)

    device.release(device.allocate(4096))

    assert library.asked == ["malloc", "free"]


def test_memory_that_others_were_faster_to_take_is_no_lost_device(images):
    device, library = opened(images, malloc_error=NO_MEMORY)

    with pytest.raises(OutOfMemory, match="4096 bytes are not free"):
        device.allocate(4096)
    device.release(Buffer(1, 1))

    assert library.asked == ["malloc", "free"]


def test_a_kernel_is_loaded_once_from_what_was_compiled_before(images, tmp_path):
    device, library = opened(images)
    launch = Launch("fma.cu", "fma_fp32", 132, 256, 100_000, (Buffer(4096, 64), np.uint32(3), None))

    for _ in range(2):
        device.launch(launch)

    assert library.asked == [f"load {tmp_path}/fma.cu.sm_90.cubin", "compile"]
    assert library.launched == [((132,), (256,), (np.uint64(4096), np.uint32(3), np.uint64(0)), 100_000)] * 2


@pytest.mark.slow
def test_a_source_is_compiled_once_for_all_processes(tmp_path):
    images = KernelImages(tmp_path)

    first = images.file("aes.cu", "sm_90")
    compiled_at = first.stat().st_mtime_ns

    assert images.file("aes.cu", "sm_90").stat().st_mtime_ns == compiled_at
    assert first.read_bytes()[:4] == b"\x7fELF"
    assert [file.name for file in tmp_path.iterdir()] == ["aes.cu.sm_90.cubin"]


def test_a_kernel_that_the_disk_does_not_take_leaves_nothing_behind_and_says_so(tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    images = KernelImages(tmp_path, lambda source, architecture: Compiled(b"machine code", ""))
    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(Unavailable, match="No space left"):
        images.file("aes.cu", "sm_90")
    assert list(tmp_path.iterdir()) == []
