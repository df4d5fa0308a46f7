"""A sender that is killed between sending and writing it down: nothing is lost, one message comes twice, by one key."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.sentinel_alerts.made import alert
from tests.sentinel_alerts.receivers import HANG, Reply
from tests.sentinel_alerts.sending import Post, webhook

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


async def start(database_url: str, url: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.sentinel_alerts.sender_process", database_url, url)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    return await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT)


async def test_nothing_is_lost_and_at_most_one_message_comes_twice(database, receiver, tmp_path):
    post = Post(database)
    post.owe(*map(alert, range(10)), to="webhook.a")
    receiver.replies.extend([*[Reply()] * 4, HANG])

    process = await start(f"sqlite:///{tmp_path}/gateway.db", receiver.url)
    await receiver.has(5)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    async with post.delivering(webhook("a", receiver.url)):
        await post.settled(10)

    keys = Counter(one.headers["Idempotency-Key"] for one in receiver.posted)
    assert set(keys) == {alert(number).alert_id for number in range(10)}
    assert [key for key, times in keys.items() if times > 1] == [alert(4).alert_id]
    assert {told.state for told in post.told()} == {"sent"}
