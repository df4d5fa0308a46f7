"""The compiler leaves the memory, register and shared-memory kernels what they are there to test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from sentinel_node.probes.compiling import compile_source
from sentinel_node.probes.machine_code import Kernel, disassemble
from sentinel_node.probes.registers import REGISTERS

pytestmark = pytest.mark.slow
ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
each_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


REGCOUNT = b"\x04\x2f\x08\x00"
"""The head of a cubin's note EIATTR_REGCOUNT; a kernel's index and its number of registers follow."""


@cache
def kernels(source: str, architecture: str) -> dict[str, Kernel]:
    return disassemble(compile_source(source, architecture).image)


def registers_written_in_place(kernel: Kernel) -> Iterator[str]:
    """What ``write_register`` became: cell = (cell & zero) ^ value, by truth table 0x6a."""
    for instruction in kernel.instructions:
        found = re.fullmatch(r"(R\d+), \1, .*, 0x6a, !PT", instruction.operands)
        if found and instruction.opcode == "LOP3.LUT":
            yield found[1]


@each_architecture
def test_every_word_of_the_register_march_has_one_register_and_is_walked_up_and_down(architecture: str) -> None:
    written = list(registers_written_in_place(kernels("registers.cu", architecture)["register_file"]))

    up, down = written[:REGISTERS], written[REGISTERS:]
    assert len(set(up)) == REGISTERS
    assert down == up[::-1]


@each_architecture
def test_the_register_march_takes_every_register_that_a_thread_can_have(architecture: str) -> None:
    image = compile_source("registers.cu", architecture).image

    at = image.index(REGCOUNT) + len(REGCOUNT) + 4
    assert int.from_bytes(image[at : at + 4], "little") == 255


@each_architecture
def test_memory_is_read_and_written_sixteen_bytes_at_a_time_past_the_l1_cache(architecture: str) -> None:
    both = kernels("memory.cu", architecture)

    reads = [each.opcode for each in both["memory_read"].in_loops() if each.opcode.startswith("LDG")]
    writes = [each.opcode for each in both["memory_write"].in_loops() if each.opcode.startswith("STG")]
    assert (reads, writes) == (["LDG.E.128.STRONG.GPU"], ["STG.E.128.STRONG.GPU"])


@each_architecture
def test_shared_memory_is_loaded_stored_and_waited_for_in_each_row(architecture: str) -> None:
    in_rows = [each.opcode.split(".")[0] for each in kernels("shared.cu", architecture)["shared_march"].in_loops(2)]

    assert {"LDS", "STS", "BAR"} <= set(in_rows)


@each_architecture
@pytest.mark.parametrize("source", ["memory.cu", "shared.cu"])
def test_nothing_is_kept_in_local_memory(source: str, architecture: str) -> None:
    codes = [each.opcode for kernel in kernels(source, architecture).values() for each in kernel.instructions]

    assert not [code for code in codes if code.startswith(("LDL", "STL"))]
