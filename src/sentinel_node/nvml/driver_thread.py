"""All calls into the driver, one at a time, on one thread that may hang without hanging who asks.

A GPU whose firmware has died can hold a call for seconds or for ever, and no call can be taken back. So there is one
daemon thread (the process can still end), each caller waits with a deadline, and while a call is overdue nothing more
is asked: callers hear at once since when the driver is silent. When the call does return, work goes on by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any, TypeVar

from sentinel_node.domain.errors import Unavailable

T = TypeVar("T")


class _Request:
    """One piece of work on its way through the thread."""

    __slots__ = ("answer", "asked_at", "work")

    def __init__(self, work: Callable[[], Any], asked_at: datetime) -> None:
        self.work = work
        self.answer: Future[Any] = Future()  # holds whatever `work` returns
        self.asked_at = asked_at

    def carry_out(self) -> None:
        try:
            self.answer.set_result(self.work())
        except Exception as error:  # noqa: BLE001 - the border of the thread: the caller gets it
            self.answer.set_exception(error)


class DriverThread:
    """Runs work that may hang; may itself be asked from several threads, which then wait for each other."""

    def __init__(self, deadline: timedelta, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._deadline_s = deadline.total_seconds()
        self._now = now
        self._turn = threading.Lock()
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: _Request | None = None
        self._doing = ""

    def note(self, doing: str) -> None:
        """What is asked of the driver next; called by the work itself, and told when it hangs."""
        self._doing = doing

    def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, or its exception.

        Raises:
            Unavailable: it, or what was asked before it, did not return within the deadline.
        """
        if not self._turn.acquire(timeout=self._deadline_s):
            raise self._silence()
        try:
            if self._last is not None and not self._last.answer.done():
                raise self._silence()
            answer = self._submit(work).answer
            if not wait([answer], self._deadline_s).done:
                raise self._silence()
            result: T = answer.result()
            return result
        finally:
            self._turn.release()

    def close(self) -> None:
        """Let the thread end after what it does now; a hung one is left behind."""
        with self._turn:
            self._requests.put(None)
            self._thread = None

    def _submit(self, work: Callable[[], Any]) -> _Request:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="nvidia-driver", daemon=True)
            self._thread.start()
        request = self._last = _Request(work, self._now())
        self._requests.put(request)
        return request

    def _silence(self) -> Unavailable:
        since = self._last.asked_at.isoformat(timespec="seconds") if self._last else "now"
        return Unavailable(
            f"the NVIDIA driver does not answer since {since} (asked for {self._doing or 'its library'}); nothing more"
            " is asked until it does. Look for Xid 79, 119 and 120 in the kernel's log"
        )

    def _serve(self) -> None:
        while (request := self._requests.get()) is not None:
            request.carry_out()
