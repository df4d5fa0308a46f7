"""`gcm-sentinel doctor`: what is reachable, which sources are off and how to turn them on, what RBAC allows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from gcm_sentinel.app.doctor_finding import Finding as Finding
from gcm_sentinel.app.doctor_rights import examine_rights
from gcm_sentinel.app.models import chosen_engine
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.protocols import Datasource

log = structlog.get_logger(__name__)

_PATIENCE = timedelta(seconds=20)
"""How long one source may take to say whether it can be used."""


async def examine(agent: Agent) -> tuple[Finding, ...]:
    """Look at everything once, all at the same time; never raises for what it finds."""
    async with asyncio.TaskGroup() as group:
        kubernetes = group.create_task(_kubernetes(agent))
        sources = [group.create_task(_source(source)) for source in agent.sources]
        rights = group.create_task(examine_rights(agent))
    findings = [kubernetes.result(), _engine(agent)]
    findings += [task.result() for task in sources]
    findings += [Finding("source", line.split(" ")[0], ok=False, detail=line) for line in agent.broken_sources]
    return (*findings, *rights.result())


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing required is missing, and nothing that is configured is broken."""
    return not any(item.fails for item in findings)


def verdict(findings: Sequence[Finding]) -> str:
    """The last line of the report."""
    if not all(item.ok for item in findings if item.required):
        return "the main job cannot be done"
    if not healthy(findings):
        return "the main job can be done, but what is configured does not work: see FAIL above"
    return "everything the main job needs is there"


async def _kubernetes(agent: Agent) -> Finding:
    try:
        version = await agent.kubernetes.get("/version")
    except SentinelError as error:
        remedy = "check GCM_SENTINEL_KUBECONFIG, or the ServiceAccount when running in a pod"
        return Finding("cluster", "kubernetes", ok=False, detail=str(error), required=True, remedy=remedy)
    detail = f"{agent.kubernetes.server}, {version.get('gitVersion', 'version unknown')}"
    return Finding("cluster", "kubernetes", ok=True, detail=detail, required=True)


def _engine(agent: Agent) -> Finding:
    engine = chosen_engine(agent.settings)
    if engine == "playbook" and agent.settings.llm_api != "playbook":
        remedy = "set GCM_SENTINEL_API_KEY and GCM_SENTINEL_LLM_API to let an LLM investigate"
        return Finding("engine", engine, ok=True, detail="no key is set: the playbook engine answers", remedy=remedy)
    return Finding("engine", engine, ok=True, detail=f"model {agent.settings.model or '(default)'}; not asked")


async def _source(source: Datasource) -> Finding:
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()) as limit:
            available = await source.is_available()
        tools = len(source.get_tools())
    except Exception as error:  # the plugin border: a third party's fault must not cost the rest of the report
        if limit.expired() and isinstance(error, TimeoutError):
            detail = f"it did not say within {_PATIENCE.total_seconds():.0f} s whether it can be used"
        else:
            log.exception("source.crashed", source=source.name)
            detail = f"it failed when asked whether it can be used: {type(error).__name__}: {error}"
        return Finding("source", source.name, ok=False, detail=detail)
    detail = available.reason or f"{tools} tool{'s' if tools != 1 else ''}"
    return Finding(
        "source",
        source.name,
        ok=available.usable,
        detail=detail,
        remedy=available.how_to_enable,
        broken=available.broken,
    )
