"""A part of the machine that may be missing, slow or hung, asked from threads of its own.

A broken GPU can hold a driver call for minutes, and that is when the kernel's log is wanted most. So each part has its
own few threads and its own deadline: what hangs keeps nobody but itself. A thread that hangs cannot be ended; when all
of a part's threads do, it is told to be hung until one comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from sentinel_node.domain.errors import Unavailable

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")

_THREADS = 4


class Part(Generic[Thing]):
    """One part by its seam, or why there is none."""

    def __init__(self, name: str, thing: Thing | None, *, missing: str = "", deadline_s: float = 15.0) -> None:
        """Wrap a seam; with None `missing` says what is missing and what would provide it."""
        self.name = name
        self.missing = missing if thing is None else ""
        """What is missing, or why the last question was not answered; empty where it was."""
        self._thing = thing
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=name)
        self._hung = 0

    @property
    def is_available(self) -> bool:
        """Whether it is there, and answered when it was last asked."""
        return not self.missing

    @property
    def is_there(self) -> bool:
        """Whether it can be asked at all."""
        return self._thing is not None

    @property
    def is_hung(self) -> bool:
        """Whether threads wait for answers that nobody waits for any more."""
        return self._hung > 0

    def thing(self) -> Thing:
        """The seam itself, for whoever brings a thread.

        Raises:
            Unavailable: there is none.
        """
        if self._thing is None:
            raise Unavailable(f"{self.name}: {self.missing}")
        return self._thing

    async def ask(self, question: Callable[[Thing], Answer], *, is_of_whole: bool = True) -> Answer:
        """The answer to one question; with `is_of_whole` false its failure says nothing of the part, only its silence.

        Raises:
            Unavailable: the part is missing, hung, or did not answer in time.
            NodeError: what the part raised.
        """
        thing = self.thing()
        try:
            answer = await self._asked(thing, question)
        except Unavailable as error:
            if is_of_whole:
                self.missing = str(error)
            raise
        self.missing = ""
        return answer

    async def _asked(self, thing: Thing, question: Callable[[Thing], Answer]) -> Answer:
        if self._hung >= _THREADS:
            raise self._silent(f"{self.name}: {self._hung} earlier questions hang, so nothing more is asked")
        answer = asyncio.get_running_loop().run_in_executor(self._threads, question, thing)
        try:
            await asyncio.wait((answer,), timeout=self._deadline_s)
        finally:  # also where whoever asked is cancelled: the question goes on in its thread all the same
            if not answer.done():
                self._hung += 1
                answer.add_done_callback(self._came_back)
        if answer.done():
            return answer.result()
        raise self._silent(f"{self.name}: no answer in {self._deadline_s:g} s; the question goes on in its thread")

    def _silent(self, words: str) -> Unavailable:
        self.missing = words
        return Unavailable(words)

    def close(self) -> None:
        """Take no more questions; does not wait for what hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _came_back(self, answer: asyncio.Future[Answer]) -> None:
        self._hung -= 1
        if not answer.cancelled():
            answer.exception()  # nobody waits for it; unasked it would be logged as lost
