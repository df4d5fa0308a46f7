"""A process that serves jobs until they are done, or until it kills itself at a named moment. Started by `processes`.

Every piece of work leaves one line in a file (``<executor> <job> <step> begin|end``), so a test can count how often it
was done, whoever did it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.durable.pieces import KIND, TEXT, until

from gcm_sentinel.clients.durable import ENDED, DurableConfig, DurableEngine, JobKind, StepReport
from gcm_sentinel.domain.steps import Steps


@dataclass(frozen=True, slots=True)
class Script:
    """What one process does."""

    url: str
    log: Path
    executor: str = "a"
    keys: tuple[str, ...] = ()
    """Submitted at its start; it ends when they have ended."""
    adopt: tuple[str, ...] = ()
    """Executors it takes over at its start."""
    parallel: bool = False
    """The steps run in a TaskGroup."""
    steps: int = 4
    die_after: str = ""
    """Kills itself when this step has been recorded."""
    die_during: str = ""
    """Kills itself in the middle of the work of this step."""
    hold: str = ""
    """The work of this step waits for the file ``<log>.go``."""
    concurrency: int = 2


def run(script: Script) -> None:
    """The whole process."""
    asyncio.run(_serve(script))


def note(script: Script, line: str) -> None:
    """Append one line, whole, even when several processes write."""
    with script.log.open("a", buffering=1) as log:
        log.write(f"{script.executor} {line}\n")


async def _serve(script: Script) -> None:
    async def job(key: str, steps: Steps) -> None:
        names = [f"step{number}" for number in range(script.steps)]
        run_steps = _side_by_side if script.parallel else _one_by_one
        results = await run_steps(script, key, names, steps)
        note(script, f"{key} result {','.join(results)}")

    def on_step(report: StepReport) -> None:
        note(script, f"{report.key} {report.name} {'replayed' if report.replayed else 'recorded'}")
        if report.name == script.die_after and not report.replayed:
            os.kill(os.getpid(), signal.SIGKILL)

    config = DurableConfig(script.url, script.executor, "1", poll=timedelta(milliseconds=20))
    jobs = {KIND: JobKind(job, concurrency=script.concurrency)}
    async with DurableEngine.open(config, jobs, on_step=on_step) as engine:
        note(script, "- - open")
        await engine.adopt(script.adopt)
        for key in script.keys:
            await engine.queue(KIND).submit(key, priority=1)
        for key in script.keys:
            await _ended(engine, key)


async def _ended(engine: DurableEngine, key: str) -> None:
    while True:
        record = await engine.status(KIND, key)
        if record is not None and record.state in ENDED:
            return
        await asyncio.sleep(0.02)


async def _one_by_one(script: Script, key: str, names: list[str], steps: Steps) -> list[str]:
    return [await _step(script, key, name, steps) for name in names]


async def _side_by_side(script: Script, key: str, names: list[str], steps: Steps) -> list[str]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_step(script, key, name, steps)) for name in names]
    return [task.result() for task in tasks]


async def _step(script: Script, key: str, name: str, steps: Steps) -> str:
    async def work() -> str:
        note(script, f"{key} {name} begin")
        if name == script.die_during:
            os.kill(os.getpid(), signal.SIGKILL)
        if name == script.hold:
            await until(script.log.with_suffix(".go").exists)
        note(script, f"{key} {name} end")
        return f"{name} of {key}"

    return await steps.run(name, work, TEXT)
