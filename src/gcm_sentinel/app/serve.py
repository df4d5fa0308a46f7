"""`gcm-sentinel serve`: watch and investigate until told to stop. The first signal drains, the second exits."""

from __future__ import annotations

import asyncio
import os
import signal

import structlog

from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.wiring import Agent, open_agent
from gcm_sentinel.app.workflow import Workflow
from gcm_sentinel.domain.modes import Mode

log = structlog.get_logger(__name__)

BANNERS = {
    Mode.RECOMMEND: "OBSERVE-ONLY (no cluster mutations but Events)",
    Mode.ANNOTATE: "ANNOTATE (writes gcm-sentinel/* node annotations, no cordon/drain)",
    Mode.APPROVE: "APPROVE (this version has no remediation tools: nothing is executed)",
    Mode.EXECUTE: "EXECUTE (this version has no remediation tools: nothing is executed)",
}


async def serve(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """Run until SIGINT, SIGTERM or `stop`."""
    stop = stop or asyncio.Event()
    async with open_agent(settings) as agent:
        announce(agent)
        _drain_on_signal(stop)
        await Workflow(agent).run(stop)
    log.info("agent.stopped")


def announce(agent: Agent) -> None:
    """Say once what runs and what it may do."""
    settings = agent.settings
    log.info(
        "agent.started",
        mode=str(settings.action_mode),
        banner=BANNERS[settings.action_mode],
        engine=agent.model.name,
        conditions=len(settings.watch_conditions),
        allowlist=list(settings.node_allowlist) or "(all nodes)",
        cooldown_s=settings.cooldown_seconds,
        sources=[source.name for source in agent.sources],
    )
    if settings.action_mode in (Mode.APPROVE, Mode.EXECUTE):
        log.warning("agent.no_remediation", mode=str(settings.action_mode), behaves_as=str(Mode.ANNOTATE))
    for line in agent.broken_sources:
        log.error("plugin.left_out", plugin=line)


def _drain_on_signal(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            log.warning("agent.killed")
            os._exit(130)
        log.info("agent.draining", hint="a second signal exits at once")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
