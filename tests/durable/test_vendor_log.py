"""What DBOS says is passed on once a minute for each kind of message, in words that help."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import pytest
from sqlalchemy import exc
from structlog.testing import capture_logs

from gcm_sentinel.clients.durable.vendor_log import ONCE_IN_S, forwarded
from gcm_sentinel.clients.durable.wording import plain

AWAY = "Database connection failed: {}. Retrying in {}s (attempt {})"
DBOS = logging.getLogger("dbos")


class Time:
    """The monotonic clock, moved by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def time() -> Time:
    """It stands still."""
    return Time()


@pytest.fixture
def logs(time: Time) -> Iterator[Sequence[MutableMapping[str, Any]]]:
    """Our events while DBOS's lines are forwarded."""
    with forwarded(time), capture_logs() as logs:
        yield logs


def test_a_kind_of_message_is_passed_on_once_a_minute_with_the_number_held_back(time, logs):
    for attempt in range(8):
        DBOS.warning(AWAY.format("connection refused", attempt, attempt))
    time.now_s += ONCE_IN_S
    DBOS.warning(AWAY.format("connection timed out", 9, 9))

    assert [log.get("held_back") for log in logs] == [None, 7]
    assert "connection timed out" in logs[1]["message"]


def test_another_kind_or_a_worse_level_is_not_held_back(logs):
    DBOS.warning("Exception listing queues: away")
    DBOS.warning("Exception finding work for queue investigation: away")
    DBOS.error("Exception listing queues: away")

    assert [log["log_level"] for log in logs] == ["warning", "warning", "error"]


def test_a_database_error_is_told_without_its_traceback_and_another_with_it(logs):
    for message, error in (("poll failed", exc.OperationalError("SELECT 1", {}, OSError("away"))), ("odd", KeyError())):
        try:
            raise error
        except (exc.OperationalError, KeyError):
            DBOS.warning(message, exc_info=True)

    assert (logs[0]["reason"], "exc_info" in logs[0]) == ("(builtins.OSError) away", False)
    assert "exc_info" in logs[1]


def test_statement_link_and_traceback_are_left_out_of_the_words():
    error = exc.OperationalError("SELECT secret\nFROM steps", {"x": "recorded"}, OSError("away\nis it running?"))
    error.code = "e3q8"

    assert plain(f"cannot do it: {error}. Retrying") == "cannot do it: (builtins.OSError) away is it running?. Retrying"
    assert plain("it broke\nTraceback (most recent call last):\n  File x\nKeyError") == "it broke"
