"""In a storm of anomalies the fleet is looked at once in a while, and nothing is blamed on a GPU that many show."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import Place
from tests.sentinel_core.sweeps import AGENT, fleet
from tests.sentinel_core.test_common_causes import spikes

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.anomalies import AnomalyBatch
from sentinel_gateway.domain.identity import Gpu

pytestmark = pytest.mark.slow

GPUS = fleet(130)
OTHER_TYPE = 3


def of_other_type(gpu: Gpu) -> AnomalyBatch:
    batch = spikes(gpu, 7)
    (event,) = batch.events
    return replace(batch, events=(replace(event, anomaly_type=OTHER_TYPE),))


def accused(core: Core, gpus: list[Gpu]) -> int:
    """Of so many GPUs anomalies count."""
    return sum(bool(core._memory.gpus[gpu.uuid].signs) for gpu in gpus)


async def storm(core: Core) -> None:
    """Every GPU has the same anomaly."""
    await asyncio.gather(*(core.report_anomalies(AGENT, spikes(gpu, number)) for number, gpu in enumerate(GPUS)))


async def test_a_storm_is_excused_as_it_comes(place: Place):
    async with place.running() as core:
        await storm(core)

        assert accused(core, GPUS) == 0


async def test_what_another_cause_explains_is_excused_with_the_next_look(place: Place):
    others = GPUS[: len(GPUS) // 40 * 2]
    async with place.running() as core:
        await storm(core)
        for gpu in others:
            await core.report_anomalies(AGENT, of_other_type(gpu))
        assert accused(core, GPUS) == len(others)
        place.clock.sleep(6)
        await core.upkeep()

        assert accused(core, GPUS) == 0
