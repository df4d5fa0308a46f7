"""The loops of a kernel's machine code: natural loops of its control flow graph.

A backward branch alone proves no loop, because compilers put rare code after the end and jump back from it. So edges
are followed, and a loop is what can reach a branch back to a block that dominates it (Aho et al., 9.6.6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Step(Protocol):
    """What must be known of an instruction."""

    @property
    def target(self) -> str:
        """The label that it may jump to; empty for none."""

    @property
    def falls_through(self) -> bool:
        """Whether the next instruction may follow."""


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    end: int
    """One past its last instruction."""
    successors: tuple[int, ...]
    """Starts of blocks."""


def loop_depths(code: Sequence[Step], labels: Mapping[str, int]) -> tuple[int, ...]:
    """In how many loops each instruction stands.

    Args:
        code: One kernel's instructions.
        labels: The index of the instruction that follows each label.
    """
    blocks = _blocks(code, labels)
    loops = _natural_loops(blocks)
    depths = [0] * len(code)
    for start, block in blocks.items():
        depth = sum(start in members for members in loops.values())
        depths[block.start : block.end] = [depth] * (block.end - block.start)
    return tuple(depths)


def _blocks(code: Sequence[Step], labels: Mapping[str, int]) -> dict[int, _Block]:
    after_jump = {index + 1 for index, step in enumerate(code) if step.target or not step.falls_through}
    starts = sorted(start for start in {0, *labels.values(), *after_jump} if start < len(code))
    blocks: dict[int, _Block] = {}
    for start, end in zip(starts, [*starts[1:], len(code)], strict=True):
        last = code[end - 1]
        following = [end] if last.falls_through and end < len(code) else []
        jumps = [labels[last.target]] if labels.get(last.target, len(code)) < len(code) else []
        blocks[start] = _Block(start, end, (*following, *jumps))
    return blocks


def _natural_loops(blocks: Mapping[int, _Block]) -> dict[int, set[int]]:
    """The members of each loop by its header; loops that share a header are one."""
    before: dict[int, set[int]] = {start: set() for start in blocks}
    for start, block in blocks.items():
        for successor in block.successors:
            before[successor].add(start)
    dominators = _dominators(blocks, before)
    loops: dict[int, set[int]] = {}
    for start, block in blocks.items():
        for header in block.successors:
            if header in dominators[start]:
                loops.setdefault(header, {header}).update(_reaching(start, header, before))
    return loops


def _dominators(blocks: Mapping[int, _Block], before: Mapping[int, set[int]]) -> dict[int, set[int]]:
    dominators = {start: set(blocks) for start in blocks}
    dominators[0] = {0}
    has_changed = True
    while has_changed:
        has_changed = False
        for start in blocks:
            above = [dominators[each] for each in before[start]]
            found = {start} | (set.intersection(*above) if above and start else set())
            has_changed = has_changed or found != dominators[start]
            dominators[start] = found
    return dominators


def _reaching(tail: int, header: int, before: Mapping[int, set[int]]) -> set[int]:
    members, waiting = {header}, [tail]
    while waiting:
        start = waiting.pop()
        if start not in members:
            members.add(start)
            waiting.extend(before[start])
    return members
