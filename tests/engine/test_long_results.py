"""While a long result is cleaned and hashed, everything else goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.engine.toolbox import Errand, Toolbox
from gcm_sentinel.storage.memory import MemoryEvidenceStore


async def test_others_go_on_while_a_long_result_loses_its_secrets(clock, incident, source_of, bus_result):
    raw = "name: token value\n" * 9_000 + "password=hunter2hunter2\n"
    toolbox = Toolbox(
        [source_of({"a": replace(bus_result, raw=raw)})], MemoryEvidenceStore(), clock, redactor=Redactor()
    )
    errand = Errand(Scope(incident, ()), Unrecorded(), 1, timedelta(seconds=60))
    turns = 0

    gathering = asyncio.ensure_future(toolbox.run([ToolCall("c1", "a", {})], errand))
    while not gathering.done():
        turns += 1
        await asyncio.sleep(0)

    (answer,) = gathering.result()
    assert answer.evidence is not None
    assert "hunter2" not in answer.evidence.result.raw
    assert turns > 50
