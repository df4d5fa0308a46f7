"""What is opened in a probe's process to see how the prober stands a GPU that ends a launch with an error."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sentinel_node.device.cupy_device import CupyDevice
from sentinel_node.device.kernel_images import KernelImages
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.compiling import Compiled, compile_source, compile_text
from sentinel_node.probes.device import Device

TRAPPING = """
#include "pinning.cuh"
extern "C" __global__ void fma_fp32(SmRecord*, u32, const u32*, const u32*, u32*, u64, u32, u32) {
    asm volatile("trap;");
}
"""


def compile_trapping(source: str, architecture: str) -> Compiled:
    """A kernel by the name of `fma_fp32` that does nothing but trap."""
    return compile_text(TRAPPING, source, architecture)


def opened(gpu: GpuIdentity, compile_kernels: Callable[[str, str], Compiled] = compile_source) -> CupyDevice:
    """The GPU with kernels of one's own, kept in a new folder of the temporary ones."""
    return CupyDevice(gpu, KernelImages(Path(tempfile.mkdtemp(prefix="kernels-")), compile_kernels))


@dataclass(frozen=True, slots=True)
class ThatTrapsAtFirst:
    """The first process to open the GPU gets trapping kernels, every later one those shipped."""

    folder: str

    def __call__(self, gpu: GpuIdentity) -> Device:
        mark = Path(self.folder) / "trapped"
        is_first = not mark.exists()
        mark.touch()
        return opened(gpu, compile_trapping if is_first else compile_source)
