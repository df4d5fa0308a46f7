"""A driver that does not answer costs its callers a deadline, not the agent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import pytest
from tests.node_telemetry.nvml_library import NvmlLibrary

from sentinel_node.domain.errors import Unavailable
from sentinel_node.nvml.driver_thread import DriverThread
from sentinel_node.nvml.reader import NvmlReader

T = TypeVar("T")

HANGS = "nvmlDeviceGetPowerUsage"


@pytest.fixture
def answers(library: NvmlLibrary) -> Iterator[threading.Event]:
    answers = library.hanging[HANGS] = threading.Event()
    yield answers
    answers.set()


@pytest.fixture
def hasty(answers: threading.Event) -> NvmlReader:
    """A reader with a short deadline, whose first question hung."""
    reader = NvmlReader(timedelta(milliseconds=50))
    with pytest.raises(Unavailable):
        reader.samples()
    return reader


def test_it_is_told_since_when_and_in_what_the_driver_hangs(hasty: NvmlReader):
    with pytest.raises(Unavailable, match=r"does not answer since \d{4}-.*\(asked for power_w of GPU 0\)"):
        hasty.samples()


def test_while_it_hangs_nothing_more_is_asked(hasty: NvmlReader, library: NvmlLibrary):
    asked, threads = len(library.calls), threading.active_count()

    for _ in range(20):
        with pytest.raises(Unavailable):
            hasty.identities()

    assert (len(library.calls), threading.active_count()) == (asked, threads)


def test_what_was_asked_while_it_hung_is_not_done_later():
    thread, answers = DriverThread(timedelta(milliseconds=50)), threading.Event()
    done: list[str] = []
    works: list[Callable[[], object]] = [answers.wait, *[lambda: done.append("late")] * 3]
    for work in works:
        with pytest.raises(Unavailable):
            thread.run(work)

    answers.set()

    assert _until_it_answers(lambda: thread.run(lambda: tuple(done))) == ()
    thread.close()


def test_once_it_answers_again_so_do_we(hasty: NvmlReader, answers: threading.Event, library: NvmlLibrary):
    answers.set()
    library.hanging.clear()

    assert len(_until_it_answers(hasty.identities)) == 2


def test_the_thread_does_not_keep_the_process_alive(hasty: NvmlReader):
    assert {thread.daemon for thread in threading.enumerate() if thread.name == "nvidia-driver"} == {True}


def test_a_reader_of_a_hung_driver_can_be_closed(hasty: NvmlReader, library: NvmlLibrary):
    hasty.close()

    assert library.is_open


def _until_it_answers(ask: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
    """Ask until the hung call is back; the test's own time limit ends it."""
    while True:
        try:
            return ask()
        except Unavailable:
            continue
