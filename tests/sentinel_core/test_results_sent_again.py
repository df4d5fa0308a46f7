"""Signed results that come in another batch: whoever copied them cannot make them count against a GPU again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sentinel_core.gateway import AGENT, Place, batch, execution, gpu, signed
from tests.sentinel_core.test_what_is_recorded import executions

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.probes import ProbeExecution, ProbeResult
from sentinel_sdk.signing import Key, Keys

KEY = Key(b"secret")
FAILED = signed([execution(n, ProbeResult.FAIL, n) for n in range(2)], KEY)


@pytest.fixture(autouse=True)
def _signing(request: pytest.FixtureRequest) -> None:
    name = "either" if "either" in request.fixturenames else "place"
    request.getfixturevalue(name).keys = Keys(KEY)


async def send(core: Core, *executions: ProbeExecution, sequence: int, hostname: str = "node-1") -> str:
    return (await core.report_probes(AGENT, batch(*executions, sequence=sequence, hostname=hostname))).reason


async def failures(core: Core) -> int:
    return (await core.gpu_health(gpu().uuid)).probe_fail_count


async def test_a_failure_counts_once_in_whatever_batch_and_from_whatever_host(either: Place):
    async with either.running() as core:
        assert await send(core, *FAILED, sequence=0) == ""
        mixed = [FAILED[1], *signed([execution(7, ProbeResult.FAIL, 9)], KEY)]
        assert await send(core, *mixed, sequence=1) == (
            "1 of 2 executions refused: 1 that another batch reported before"
        )
        await send(core, *FAILED, sequence=0, hostname="node-2")
        assert await failures(core) == 3
        assert core.counters.refused == {("probe", "repeated"): 3}
    assert len(executions(either)) == 3


async def test_it_is_known_after_a_restart(either: Place):
    for sequence in range(2):
        async with either.running() as core:
            await send(core, *FAILED, sequence=sequence)
            assert await failures(core) == 2


async def test_it_counts_once_within_a_batch(place: Place):
    async with place.running() as core:
        await send(core, *[FAILED[0]] * 5, sequence=0)
        assert await failures(core) == 1


async def test_the_same_failure_at_another_time_is_another_one(place: Place):
    later = signed([replace(FAILED[0], time_ns=(FAILED[0].time_ns or 0) + 1, hmac_signature=b"")], KEY)
    async with place.running() as core:
        await send(core, FAILED[0], sequence=0)
        assert await send(core, *later, sequence=1) == ""
        assert await failures(core) == 2


async def test_unsigned_results_cannot_be_told_apart_and_all_count(place: Place):
    place.keys = Keys()
    async with place.running() as core:
        for sequence in range(2):
            await send(core, *FAILED, sequence=sequence)
        assert await failures(core) == 4


async def test_it_is_forgotten_when_it_has_become_too_old_to_count(place: Place):
    async with place.running() as core:
        await send(core, *FAILED, sequence=0)
        place.clock.sleep(timedelta(hours=26).total_seconds())
        await core.upkeep()
        with core._store._database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM seen_results").scalar() == 0
        assert "too old" in await send(core, *FAILED, sequence=1)
