"""How the tests open a GPU: with the shipped kernels, kept compiled, or with others that end a launch with an error.

``GCM_TEST_GPU_KERNELS=FOLDER python -m tests.gpu.devices sm_90`` compiles the shipped ones beforehand, on any machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sentinel_node.device.cupy_device import CupyDevice
from sentinel_node.device.kernel_images import KernelImages
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.catalogue import variants
from sentinel_node.probes.compiling import Compiled, compile_source, compile_text
from sentinel_node.probes.device import CUDA_FOLDER, Device

TRAPPING = """
#include "pinning.cuh"
extern "C" __global__ void fma_fp32(SmRecord*, u32, const u32*, const u32*, u32*, u64, u32, u32) {
    asm volatile("trap;");
}
"""


def compile_trapping(source: str, architecture: str) -> Compiled:
    """A kernel by the name of `fma_fp32` that does nothing but trap."""
    return compile_text(TRAPPING, source, architecture)


KERNELS = "GCM_TEST_GPU_KERNELS"
"""A folder where the shipped kernels are kept compiled from one process to the next, since one takes a minute."""


def opened(gpu: GpuIdentity, compile_kernels: Callable[[str, str], Compiled] = compile_source) -> CupyDevice:
    """The GPU with kernels of one's own, kept in a new folder of the temporary ones; the shipped ones in `kept`."""
    folder = kept(os.environ) if compile_kernels is compile_source else None
    return CupyDevice(gpu, KernelImages(folder or Path(tempfile.mkdtemp(prefix="kernels-")), compile_kernels))


def kept(environment: Mapping[str, str]) -> Path | None:
    """Where compiled kernels are kept, another place for every change of their sources; None where nobody asked."""
    if not (folder := environment.get(KERNELS)):
        return None
    sources = sorted(path for path in CUDA_FOLDER.iterdir() if path.suffix in (".cu", ".cuh"))
    digest = sha256(b"\0".join(path.name.encode() + path.read_bytes() for path in sources)).hexdigest()
    place = Path(folder) / digest[:16]
    place.mkdir(parents=True, exist_ok=True)
    return place


def compile_kept(architecture: str, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """All shipped kernels of an architecture, compiled into `kept`, on any machine: no GPU is needed."""
    capability = (int(architecture[3:-1]), int(architecture[-1]))
    images = KernelImages(kept(environment) or Path(tempfile.mkdtemp(prefix="kernels-")))
    able = {variant.source for variant in variants() if variant.can_run_on(capability)}
    return tuple(images.file(source, architecture) for source in sorted(able))


@dataclass(frozen=True, slots=True)
class ThatTrapsAtFirst:
    """The first process to open the GPU gets trapping kernels, every later one those shipped."""

    folder: str

    def __call__(self, gpu: GpuIdentity) -> Device:
        mark = Path(self.folder) / "trapped"
        is_first = not mark.exists()
        mark.touch()
        return opened(gpu, compile_trapping if is_first else compile_source)


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in compile_kept(sys.argv[1], os.environ))
