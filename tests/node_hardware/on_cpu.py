"""The injector's kernels on a CPU: the shipped text after ``faults.cuh``, with instructions written in C++."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

from tests.gpu.fault_injection import HEADER, InjectedFault
from tests.node_probes.on_cpu.device import HERE, compiler

from sentinel_node.probes.device import CUDA_FOLDER

_PLACES = re.compile(r"fault\[8\] = \{[^}]*\}")


def build(source: str, fault: InjectedFault, folder: Path) -> Path:
    """A shared library of a source with the fault in it."""
    program = compiler()
    assert program is not None
    shutil.copytree(CUDA_FOLDER, folder, dirs_exist_ok=True)
    shutil.copy(HERE / "instructions.cuh", folder)
    (folder / "memory_instructions.cuh").write_text("#pragma once\ninline void __syncwarp() {}\n")
    words = ", ".join(f"{word}u" for word in struct.unpack("<8I", fault.data))
    header = _PLACES.sub(f"fault[8] = {{{words}}}", HEADER.read_text(encoding="utf-8"))
    text = f"{header}\n{(folder / source).read_text(encoding='utf-8')}"
    if source == "aes.cu":
        text = f"#define FAULTY_ROTATION\n{text}"
    (folder / f"faulty_{source}").write_text(text, encoding="utf-8")
    library = folder / f"{source}.so"
    options = ["-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-ffp-contract=off", "-include", "cuda_on_cpu.h"]
    command = [program, *options, f"-I{HERE}", "-x", "c++", str(folder / f"faulty_{source}"), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - a compiler on our own files
    return library
