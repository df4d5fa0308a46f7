"""Every line of the log is one event of one shape, whoever had something to say."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from tests.sentinel_gateway.process import serving

pytestmark = pytest.mark.slow

SAYS = """
import logging, warnings
from sentinel_gateway.app.logs import configure
from sentinel_gateway.app.settings import Log

configure(Log(level="debug"))
logging.getLogger("some.library").info("chatter")
logging.getLogger("some.library").error("went %s", "wrong")
warnings.warn("out of fashion")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("some.library").exception("failed")
"""


def test_what_libraries_say_is_an_event_like_ours():
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own

    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert {one["event"] for one in said} == {"library.said"}
    assert [(one["library"], one["level"]) for one in said] == [
        ("some.library", "error"), ("py.warnings", "warning"), ("some.library", "error"),
    ]  # fmt: skip
    assert said[0]["words"] == "went wrong"
    assert "out of fashion" in said[1]["words"]
    assert "ZeroDivisionError" in said[2]["exception"]


async def test_from_start_to_end_there_is_no_line_of_another_shape(tmp_path):
    environment = {"SENTINEL_GATEWAY__DATABASE__STATE_DIR": str(tmp_path)}
    async with serving(environment) as gateway:
        gateway.child.send_signal(signal.SIGTERM)
        assert gateway.child.stderr is not None
        lines = (await gateway.child.stderr.read()).splitlines()

    events = [json.loads(line)["event"] for line in lines]
    assert {"gateway.serving", "gateway.stopped"} <= set(events)
    assert "library.said" not in events
