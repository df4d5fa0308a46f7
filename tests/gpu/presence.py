"""Whether a GPU can be tested here, which one, and what is said where none can."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import pytest

from sentinel_node.device.cupy_device import missing
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.nvml.reader import NvmlReader

REQUIRED = "GCM_TEST_GPU"
"""Set to 1 by ``make test-gpu``: a missing GPU fails then."""
CHOSEN = "GCM_TEST_GPU_UUID"
"""Which GPU, where there are several; else the driver's first."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
INSTALL = "install the libraries with `.venv/bin/uv sync --frozen --extra cuda13` (`cuda12` for drivers below 580)"


def identities() -> tuple[GpuIdentity, ...]:
    """Of the driver.

    Raises:
        Unavailable: no driver, or it does not answer.
    """
    reader = NvmlReader()
    try:
        return reader.identities()
    finally:
        reader.close()


def pick(gpus: tuple[GpuIdentity, ...], environment: Mapping[str, str]) -> GpuIdentity:
    """The one to test.

    Raises:
        Unavailable: there is none, not the one asked for, or it is partitioned.
    """
    wanted = environment.get(CHOSEN, "")
    gpu = next((each for each in gpus if wanted in ("", each.uuid)), None)
    if gpu is None:
        raise Unavailable(f"the driver knows no GPU {wanted}".rstrip())
    if gpu.is_partitioned:
        raise Unavailable(f"GPU {gpu.uuid} is partitioned (MIG)")
    return gpu


def open_for_this_process() -> GpuIdentity:
    """The GPU to test, made the only one that CUDA sees in this process and in those it starts.

    Raises:
        Unavailable: why there is none.
    """
    gpu = pick(identities(), os.environ)
    if os.environ.get(VISIBLE) != "":
        os.environ[VISIBLE] = gpu.uuid
    if why := missing():
        raise Unavailable(f"{why}; {INSTALL}")
    return gpu


def present(find: Callable[[], GpuIdentity], environment: Mapping[str, str]) -> GpuIdentity:
    """The GPU, or else the test is skipped loudly, or fails where a GPU is required."""
    try:
        return find()
    except Unavailable as error:
        words = f"NOT TESTED ON A GPU: {error}"
    if environment.get(REQUIRED) == "1":
        pytest.fail(words, pytrace=False)
    pytest.skip(words)
