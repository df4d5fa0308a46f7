"""What each return code of the driver's library means for a reader, in one table.

Four answers are enough. ABSENT: this GPU or driver does not have the field, which is no error. LOST: the GPU is gone,
so nothing more is asked of it, while the others are still read. STALE: the library must be opened anew, since the
driver was unloaded or replaced below it. Everything else is FAILED: the field exists and could not be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Trouble(Enum):
    """What to do with a return code."""

    ABSENT = "absent"
    LOST = "lost"
    STALE = "stale"
    FAILED = "failed"


class GpuLost(Exception):
    """The driver has lost the GPU that was asked; the text is its word."""


class SessionStale(Exception):
    """The library must be opened anew before anything can be asked."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


# nvmlReturn_t of nvml.h, https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html
UNINITIALIZED = 1
INVALID_ARGUMENT = 2
NOT_SUPPORTED = 3
NO_PERMISSION = 4
NOT_FOUND = 6
DRIVER_NOT_LOADED = 9
LIBRARY_NOT_FOUND = 12
FUNCTION_NOT_FOUND = 13
GPU_IS_LOST = 15
RESET_REQUIRED = 16
OPERATING_SYSTEM = 17
LIB_RM_VERSION_MISMATCH = 18
NO_DATA = 21
VGPU_ECC_NOT_SUPPORTED = 22
FREQ_NOT_SUPPORTED = 24
ARGUMENT_VERSION_MISMATCH = 25
DEPRECATED = 26
GPU_NOT_FOUND = 28
RESET_TYPE_NOT_SUPPORTED = 30
UNKNOWN = 999

_TROUBLES: Mapping[int, Trouble] = {
    NOT_SUPPORTED: Trouble.ABSENT,
    NOT_FOUND: Trouble.ABSENT,
    FUNCTION_NOT_FOUND: Trouble.ABSENT,
    NO_DATA: Trouble.ABSENT,
    VGPU_ECC_NOT_SUPPORTED: Trouble.ABSENT,
    FREQ_NOT_SUPPORTED: Trouble.ABSENT,
    ARGUMENT_VERSION_MISMATCH: Trouble.ABSENT,
    DEPRECATED: Trouble.ABSENT,
    RESET_TYPE_NOT_SUPPORTED: Trouble.ABSENT,
    GPU_IS_LOST: Trouble.LOST,
    GPU_NOT_FOUND: Trouble.LOST,
    UNINITIALIZED: Trouble.STALE,
    DRIVER_NOT_LOADED: Trouble.STALE,
    LIB_RM_VERSION_MISMATCH: Trouble.STALE,
}

_ADVICE: Mapping[int, str] = {
    NO_PERMISSION: "this process may not open /dev/nvidiactl; run it as root or give it the GPU devices",
    DRIVER_NOT_LOADED: "the kernel module nvidia is not loaded; load it (modprobe nvidia) or wait for the driver's pod",
    LIBRARY_NOT_FOUND: (
        "libnvidia-ml.so.1 was not found; install the NVIDIA driver, or run the container with NVIDIA's runtime and"
        " NVIDIA_DRIVER_CAPABILITIES=utility"
    ),
    OPERATING_SYSTEM: "the kernel or the container's device rules block the GPU's devices",
    LIB_RM_VERSION_MISMATCH: (
        "the driver was upgraded below this process, which still holds the old library; restart sentinel-node"
    ),
    UNKNOWN: (
        "in a container this is often lost access to /dev/nvidia* after `systemctl daemon-reload` on the host;"
        " delete and recreate the pod"
    ),
}


def trouble_of(code: int) -> Trouble:
    """What to do with a return code other than success."""
    return _TROUBLES.get(code, Trouble.FAILED)


def advice_for(code: int) -> str:
    """What a person can do where the library cannot be opened; empty where that is not known."""
    return _ADVICE.get(code, "")
