"""Follows the kernel's buffer all the time, so that a line is in memory before the kernel overwrites it.

A thread of its own, because a storm must not hold up the event loop. It takes in so many lines a second and no more:
the kernel keeps the rest for a while, and what it overwrites meanwhile shows in the numbers of its records and is
counted as lost. So a storm costs a share of one core, and a quiet machine nothing.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from sentinel_node.domain.errors import Unavailable
from sentinel_node.kernel.log import KernelLog

log = structlog.get_logger(__name__)

MOST_A_SECOND = 10_000
"""Lines; a quarter of a core, as measured."""
_AT_ONCE = 500
_LEAST_PAUSE_S = 0.02
"""Between two looks, so that lines which come one by one are taken in together."""
_END_S = 5.0


@contextmanager
def followed(
    kernel_log: KernelLog, told: Callable[[bool], None] = lambda _: None, most_a_second: int = MOST_A_SECOND
) -> Iterator[None]:
    """Take in what the kernel prints until the block ends.

    Args:
        kernel_log: What is followed; where it cannot be, that is logged, and nothing else happens.
        told: Hears whether it is followed, at the start and when that changes.
        most_a_second: Lines.
    """
    follower = _Follower(kernel_log, told, most_a_second)
    thread = threading.Thread(target=follower.run, name="kernel-log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        follower.stop()
        thread.join(_END_S)


class _Follower:
    def __init__(self, kernel_log: KernelLog, told: Callable[[bool], None], most_a_second: int) -> None:
        self._log, self._told, self._most_a_second = kernel_log, told, most_a_second
        self._stopped = threading.Event()
        self._woken, self._wake = os.pipe()

    def stop(self) -> None:
        """Let `run` end at once."""
        self._stopped.set()
        os.close(self._wake)

    def run(self) -> None:
        """Until stopped, or there is nothing to follow any more."""
        try:
            with _closed(self._woken), _closed(self._log.descriptor()) as descriptor:
                self._told(True)  # noqa: FBT003  whether it is followed
                self._follow(descriptor)
        except Unavailable as error:
            self._told(False)  # noqa: FBT003  as above
            if not self._stopped.is_set():
                hint = "Xids are not counted; who asks for lines is told what can be read"
                log.warning("kernel_log.not_followed", reason=str(error), hint=hint)
        except Exception as error:  # the border of a thread: it ends here, and nobody would hear of it
            self._told(False)  # noqa: FBT003  as above
            hint = "Xids are not counted until the agent starts again"
            log.exception("kernel_log.not_followed", reason=repr(error), hint=hint)

    def _follow(self, descriptor: int) -> None:
        news = select.poll()
        news.register(descriptor, select.POLLIN)
        news.register(self._woken, select.POLLIN)
        while not self._stopped.is_set():
            news.poll()
            if self._stopped.is_set():
                return
            taken = self._log.take_in(_AT_ONCE)
            self._stopped.wait(max(taken / self._most_a_second, _LEAST_PAUSE_S))


@contextmanager
def _closed(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
