"""New lines as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.node_kernel.conftest import XID_79, KernelBuffer

from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.kernel import KernelQuery, KernelRecord
from sentinel_node.kernel.journal import Journal
from sentinel_node.kernel.log import KernelLog


async def test_a_follower_hears_what_is_printed_from_then_on(buffer: KernelBuffer, log: KernelLog):
    buffer.print("before")

    async with log.follow() as lines:
        buffer.print(XID_79, "after")

        assert await _next(lines, 2) == [XID_79, "after"]


async def test_a_follower_hears_what_another_reader_took_from_the_buffer(buffer: KernelBuffer, log: KernelLog):
    async with log.follow() as lines:
        buffer.print("one")
        await asyncio.to_thread(log.read, KernelQuery())

        assert await _next(lines, 1) == ["one"]


async def test_two_followers_hear_the_same(buffer: KernelBuffer, log: KernelLog):
    async with log.follow() as first, log.follow() as second:
        buffer.print("one")

        assert await _next(first, 1) == await _next(second, 1) == ["one"]


async def test_a_follower_that_leaves_leaves_no_open_file(buffer: KernelBuffer, log: KernelLog):
    async with log.follow() as lines:
        before = _open_files(buffer.path)
        buffer.print("one")
        await _next(lines, 1)

    assert _open_files(buffer.path) == before - 1


async def test_a_follower_of_a_closed_log_hears_so(buffer: KernelBuffer, log: KernelLog):
    async with log.follow() as lines:
        log.close()

        with pytest.raises(Unavailable, match="closed"):
            await _next(lines, 1)


async def test_without_the_kernels_buffer_there_is_nothing_to_follow(tmp_path: Path, boot_id: Path):
    log = KernelLog(Journal(programs=()), tmp_path / "none", boot_id)

    with pytest.raises(Unavailable, match="CAP_SYSLOG"):
        async with log.follow():
            pass


async def _next(lines: AsyncIterator[KernelRecord], count: int) -> list[str]:
    async with asyncio.timeout(60):
        return [(await anext(lines)).message for _ in range(count)]


def _open_files(path: Path) -> int:
    """How often this process has the buffer open."""
    return sum(link.is_symlink() and link.readlink() == path for link in Path("/proc/self/fd").iterdir())
