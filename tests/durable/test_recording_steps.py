"""What a step gave is written down, and given again instead of doing the work again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from tests.durable.pieces import KIND, TEXT, Halting, cut_off, do, ended, opened

from gcm_sentinel.clients.durable import JobState, StepReport
from gcm_sentinel.clients.durable.outcome import rebuilt, tree, written
from gcm_sentinel.domain.errors import Bug, Overloaded, Rejected, SentinelError, Unreachable
from gcm_sentinel.domain.steps import Codec, Steps

pytestmark = pytest.mark.slow

STEPS = ("turn", "tool", "publish")


@dataclass(frozen=True, slots=True)
class Turn:
    """A value that is not JSON."""

    text: str
    tokens: tuple[int, ...]


TURN: Codec[Turn] = Codec(
    encode=lambda turn: {"text": turn.text, "tokens": list(turn.tokens)},
    decode=lambda json: Turn(text=json["text"], tokens=tuple(json["tokens"])),  # type: ignore[index,call-overload,arg-type]
)


class Twice:
    """A job of one step, run again after the engine was closed behind the step; keeps what the step gave each time."""

    def __init__(self, work: Callable[[], Awaitable[object]], codec: Codec[object]) -> None:
        self._work = work
        self._codec = codec
        self.calls = 0
        self.given: list[object] = []
        self.once = asyncio.Event()
        self.go_on = False

    async def __call__(self, key: str, steps: Steps) -> None:
        """Run the step."""
        try:
            self.given.append(await steps.run("step", self._count, self._codec))
        except SentinelError as error:
            self.given.append(error)
        self.once.set()
        if not self.go_on:
            await asyncio.get_running_loop().create_future()

    async def _count(self) -> object:
        self.calls += 1
        return await self._work()

    async def run(self, url: str) -> tuple[object, object]:
        """What the step gave at first, and what it gave to the job when it was resumed."""
        async with opened(url, self) as engine:
            await engine.queue(KIND).submit("k", priority=1)
            await self.once.wait()
        self.go_on = True
        async with opened(url, self) as engine:
            await ended(engine, "k")
        assert self.calls == 1
        return self.given[0], self.given[1]


async def test_a_resumed_job_does_only_the_steps_that_were_not_done(url: str):
    halting = Halting(STEPS, halt_before="publish")
    await cut_off(url, halting)

    resumed = Halting(STEPS)
    async with opened(url, resumed) as engine:
        assert await ended(engine, "k") == (JobState.DONE,)

    assert halting.worked == ["turn", "tool"]
    assert resumed.worked == ["publish"]
    assert resumed.results == [f"{name} done" for name in STEPS]


async def test_a_value_comes_back_equal(url: str):
    turn = Turn("first line\nsecond \x00 \ud800 ü", (1, 2, 3))

    async def work() -> object:
        return turn

    assert await Twice(work, TURN).run(url) == (turn, turn)  # type: ignore[arg-type]


async def test_a_large_result_comes_back_whole(sqlite_url: str):
    large = "x" * 5_000_000

    async def work() -> object:
        return large

    assert await Twice(work, TEXT).run(sqlite_url) == (large, large)  # type: ignore[arg-type]


def example(kind: type[SentinelError]) -> SentinelError:
    """An error of this class with all its fields."""
    if kind is Overloaded:
        return Overloaded("slow down", retry_after_s=2.5)
    if kind is Rejected:
        return Rejected("no", status=409)
    return kind(f"a {kind.__name__}")


@pytest.mark.parametrize("kind", tree().values(), ids=tree().keys())
def test_every_error_of_the_tree_is_read_back_as_what_it_was(kind: type[SentinelError]):
    error = example(kind)

    again = rebuilt(json.loads(json.dumps(written(error))))

    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)


async def test_an_error_is_raised_again_as_what_it_was(url: str):
    async def work() -> object:
        raise Rejected("no such node", status=422)

    for raised in await Twice(work, TEXT).run(url):  # type: ignore[arg-type]
        assert isinstance(raised, Rejected)
        assert (str(raised), raised.status) == ("no such node", 422)


def test_an_error_class_that_is_gone_is_read_back_as_a_bug():
    again = rebuilt({"type": "Retired", "message": "why"})

    assert type(again) is Bug
    assert "'Retired': why" in str(again)


class CrashLoop(Unreachable):
    """An error of an adapter's own."""


async def test_an_error_from_elsewhere_is_recorded_as_its_nearest_of_the_tree(sqlite_url: str):
    async def work() -> object:
        raise CrashLoop("no route")

    first, again = await Twice(work, TEXT).run(sqlite_url)  # type: ignore[arg-type]

    assert type(first) is type(again) is Unreachable


@pytest.mark.parametrize("crash", [KeyError("gpu"), asyncio.CancelledError()], ids=["crash", "stray cancellation"])
async def test_a_crash_in_a_step_is_recorded_as_a_bug_and_not_repeated(url: str, crash: BaseException):
    async def work() -> object:
        raise crash

    first, again = await Twice(work, TEXT).run(url)  # type: ignore[arg-type]

    assert type(first) is type(again) is Bug
    assert "step" in str(again)


async def test_a_result_that_cannot_be_written_down_is_a_bug(sqlite_url: str):
    async def work() -> object:
        return object()

    first, again = await Twice(work, TEXT).run(sqlite_url)  # type: ignore[arg-type]

    assert type(first) is type(again) is Bug


async def test_a_step_cut_off_by_closing_is_done_again(sqlite_url: str):
    begun: list[str] = []
    in_work = asyncio.Event()

    async def job(key: str, steps: Steps) -> None:
        async def work() -> str:
            begun.append(key)
            in_work.set()
            await asyncio.Event().wait() if len(begun) == 1 else None
            return "done"

        await steps.run("step", work, TEXT)

    async with opened(sqlite_url, job) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await in_work.wait()
    async with opened(sqlite_url, job) as engine:
        assert await ended(engine, "k") == (JobState.DONE,)

    assert begun == ["k", "k"]


class LastFirst:
    """A job of four parallel steps that finish in the opposite order; it halts behind them unless told not to."""

    def __init__(self, *, halts: bool) -> None:
        self._halts = halts
        self._done = [asyncio.Event() for _ in range(5)]
        self._done[4].set()
        self.halted = asyncio.Event()
        self.worked: list[int] = []
        self.results: list[str] = []

    async def __call__(self, key: str, steps: Steps) -> None:
        """Run the steps."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._step(number, steps)) for number in range(4)]
        self.results = [task.result() for task in tasks]
        self.halted.set()
        if self._halts:
            await asyncio.get_running_loop().create_future()

    async def _step(self, number: int, steps: Steps) -> str:
        async def work() -> str:
            await self._done[number + 1].wait()
            self._done[number].set()
            self.worked.append(number)
            return f"result {number}"

        return await steps.run("tool", work, TEXT)


async def test_parallel_steps_are_numbered_in_the_order_they_were_started(url: str):
    first, resumed = LastFirst(halts=True), LastFirst(halts=False)
    async with opened(url, first) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await first.halted.wait()

    async with opened(url, resumed) as engine:
        await ended(engine, "k")

    assert first.worked == [3, 2, 1, 0]
    assert resumed.worked == []
    assert resumed.results == first.results == [f"result {number}" for number in range(4)]


async def test_the_hook_hears_of_every_step_and_whether_it_was_replayed(sqlite_url: str):
    await cut_off(sqlite_url, Halting(STEPS, halt_before="tool"))
    heard: list[StepReport] = []

    async with opened(sqlite_url, Halting(STEPS), on_step=heard.append) as engine:
        await ended(engine, "k")

    assert [(report.name, report.replayed) for report in heard] == [("turn", True), ("tool", False), ("publish", False)]
    assert {(report.kind, report.key, report.error) for report in heard} == {(KIND, "k", None)}
    assert all(report.seconds >= 0 for report in heard)


async def test_the_hook_hears_of_an_error(sqlite_url: str):
    heard: list[StepReport] = []

    async def job(key: str, steps: Steps) -> None:
        async def work() -> str:
            raise Overloaded("slow down")

        await steps.run("turn", work, TEXT)

    async with opened(sqlite_url, job, on_step=heard.append) as engine:
        assert await do(engine, "k") == (JobState.FAILED,)

    assert [report.error for report in heard] == ["Overloaded"]


async def test_code_that_changed_its_steps_without_a_new_version_is_a_bug(sqlite_url: str):
    await cut_off(sqlite_url, Halting(("turn", "tool"), halt_before="tool"))
    raised: list[SentinelError] = []

    async def changed(key: str, steps: Steps) -> None:
        async def work() -> str:
            return "never"

        try:
            await steps.run("another name", work, TEXT)
        except SentinelError as error:
            raised.append(error)

    async with opened(sqlite_url, changed) as engine:
        await ended(engine, "k")

    assert [type(error) for error in raised] == [Bug]
    assert "bump its version" in str(raised[0])
