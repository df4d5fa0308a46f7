"""Upkeep that fails never ends the agent: it is logged and tried again."""

from __future__ import annotations

import asyncio

import pytest

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.upkeep import Periodic
from gcm_sentinel.domain.errors import BadResponse, Unreachable


@pytest.mark.parametrize("error", [BadResponse("a damaged row"), Unreachable("the database is away")], ids=str)
async def test_it_is_tried_again_after_any_failure_of_ours(error):
    done = asyncio.Event()
    outcomes = [error, None]

    async def work() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome
        done.set()

    running = asyncio.create_task(Periodic("tidying", work, 0.01, SystemClock()).run())

    await asyncio.wait_for(done.wait(), 5)
    running.cancel()
