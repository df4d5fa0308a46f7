"""What the compiler really made: the instructions of each kernel, and which of them stand inside a loop.

A probe whose arithmetic was folded away passes on every GPU, and only its machine code shows it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sentinel_node.domain.errors import Unavailable
from sentinel_node.probes.compiling import find_in_wheels
from sentinel_node.probes.loops import loop_depths
from sentinel_node.probes.variant import InLoop

_SECTION = re.compile(r"^\s*\.section\s+\.text\.([\w$]+)")
_LABEL = re.compile(r"^(\.L_[\w$]+):")
_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+\s+)?([A-Z][\w.]*)\s*([^;]*);")
_JUMPS = ("BRA", "JMP", "CALL")  # ptxas for sm_80 also leaves loops by a predicated CALL.REL.NOINC
_ENDS = ("BRA", "EXIT", "RET", "JMP", "BRX", "KILL")
_TARGET = re.compile(r"`?\(?(\.L_[\w$]+)\)?")
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line of the disassembly."""

    opcode: str
    """With its modifiers, e.g. ``HMMA.16816.F32``."""
    operands: str
    is_predicated: bool = False
    target: str = ""
    """A branch's label."""

    @property
    def falls_through(self) -> bool:
        """Whether the next instruction may follow."""
        has_condition = self.is_predicated or "," in self.operands  # as in BRA.U UP0, `(.L_x_6)
        return has_condition or self.opcode.split(".")[0] not in _ENDS


@dataclass(frozen=True, slots=True)
class Kernel:
    """One entry's machine code."""

    entry: str
    instructions: tuple[Instruction, ...]
    labels: tuple[tuple[str, int], ...]
    """Each with the index of the instruction that follows it."""

    def in_loops(self, depth: int = 1) -> tuple[Instruction, ...]:
        """Those that stand in so many loops or more."""
        depths = loop_depths(self.instructions, dict(self.labels))
        return tuple(each for each, found in zip(self.instructions, depths, strict=True) if found >= depth)

    def lacking(self, wanted: Iterable[InLoop]) -> tuple[str, ...]:
        """What is not there often enough, in words; empty where the kernel tests what it says."""
        lacks = []
        for need in wanted:
            found = sum(need.is_met_by(each.opcode) for each in self.in_loops(need.depth))
            if found < need.at_least:
                where = f"in loops of depth {need.depth}"
                lacks.append(f"{self.entry}: {found} {need.opcode} {where}, at least {need.at_least} wanted")
        return tuple(lacks)


def disassemble(image: bytes) -> dict[str, Kernel]:
    """The kernels of a cubin by entry name.

    Raises:
        Unavailable: There is no nvdisasm here, or it cannot read the image.
    """
    program = next(find_in_wheels("cu*/bin/nvdisasm", "cuda_nvdisasm/bin/nvdisasm"), None) or shutil.which("nvdisasm")
    if program is None:
        raise Unavailable("no nvdisasm: install its wheel, nvidia-nvdisasm")
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(image)
        done = subprocess.run(  # noqa: S603 - a fixed program on our own file
            [str(program), "--print-code", file.name],
            env={},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    if done.returncode != 0:
        raise Unavailable(f"nvdisasm failed: {done.stderr.strip()}")
    return parse_listing(done.stdout)


def parse_listing(listing: str) -> dict[str, Kernel]:
    """nvdisasm's text as kernels."""
    kernels: dict[str, tuple[list[Instruction], list[tuple[str, int]]]] = {}
    current: tuple[list[Instruction], list[tuple[str, int]]] = ([], [])
    for line in listing.splitlines():
        if section := _SECTION.match(line):
            current = kernels.setdefault(section[1], ([], []))
        elif label := _LABEL.match(line):
            current[1].append((label[1], len(current[0])))
        elif found := _INSTRUCTION.search(line):
            target = _TARGET.search(found[3]) if found[2].startswith(_JUMPS) else None
            current[0].append(Instruction(found[2], found[3].strip(), bool(found[1]), target[1] if target else ""))
    return {entry: Kernel(entry, tuple(code), tuple(labels)) for entry, (code, labels) in kernels.items()}
