"""`gcm-sentinel serve`: watch and investigate until told to stop. The first signal drains, the second exits."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta

import structlog

from gcm_sentinel.app.endpoints import serve_endpoints
from gcm_sentinel.app.life.upkeep import beside
from gcm_sentinel.app.serving import ACTING, DELIVERY, INVESTIGATION, Serving, open_serving
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.upkeep_plan import heartbeat_of, upkeep_of
from gcm_sentinel.clients.durable.config import StepHook
from gcm_sentinel.domain.modes import Mode

log = structlog.get_logger(__name__)

BANNERS = {
    Mode.RECOMMEND: "OBSERVE-ONLY (no cluster mutations but Events)",
    Mode.ANNOTATE: "ANNOTATE (writes gcm-sentinel/* node annotations, no cordon/drain)",
    Mode.APPROVE: "APPROVE (changes the cluster where a person approves the exact action)",
    Mode.EXECUTE: "EXECUTE (changes the cluster within the policy, asks a person beyond it!)",
}


async def serve(settings: Settings, *, stop: asyncio.Event | None = None, on_recorded: StepHook | None = None) -> None:
    """Run until SIGINT, SIGTERM or `stop`; `on_recorded` hears of every step of a durable job as it ends.

    Raises:
        BadConfiguration: a setting that cannot be used, a state folder another process holds, a database of a newer
            version.
        SentinelError: what trying again cannot mend.
    """
    stop = stop or asyncio.Event()
    async with open_serving(settings, on_recorded) as serving:
        queues = (serving.engine.queue(INVESTIGATION), serving.engine.queue(DELIVERY))
        async with serve_endpoints(serving, settings.http_port, stop):
            announce(serving)
            _drain_on_signal(stop)
            try:
                to_act = serving.engine.queue(ACTING) if serving.workflow.acting else None
                await serving.workflow.run(queues, stop, upkeep_of(serving), to_act=to_act)
            finally:
                await _drain(serving, timedelta(seconds=settings.drain_seconds))
    log.info("agent.stopped")


async def _drain(serving: Serving, limit: timedelta) -> None:
    """Let running jobs end; silent meanwhile, it would count as dead, and the others would take them."""
    left = await beside(heartbeat_of(serving), serving.engine.drain(limit))
    if left:
        log.info("agent.left_work", jobs=len(left), hint="resumed at the next start or by another replica")


def announce(serving: Serving) -> None:
    """Say once what runs and what it may do."""
    agent, place = serving.agent, serving.place
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
        state=str(place.folder) if place.folder else "postgresql",
        replica=place.executor,
    )
    if settings.action_mode in (Mode.APPROVE, Mode.EXECUTE):
        operations = agent.acting.operations if agent.acting else ()
        log.warning("agent.acts", mode=str(settings.action_mode), actions=sorted(operations))
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
