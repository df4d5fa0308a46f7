"""What the commands do once the command line is parsed: run, print, and say by the exit code how it went.

Each imports what it needs when it runs: a list of fault classes needs no database.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from gcm_sentinel.app.exits import Exit, of_outcome
from gcm_sentinel.app.output import print_json
from gcm_sentinel.web.plain import one_line

if TYPE_CHECKING:
    from gcm_sentinel.app.closed import Closed
    from gcm_sentinel.app.doctor_finding import Finding
    from gcm_sentinel.app.investigate import Request
    from gcm_sentinel.app.settings import Settings
    from gcm_sentinel.domain.jsontypes import Json


async def investigate_command(
    settings: Settings, request: Request, *, output: str, publish: bool, verbose: bool
) -> Exit:
    """`investigate`."""
    from gcm_sentinel.app.investigate import investigate
    from gcm_sentinel.app.kept_history import kept_history
    from gcm_sentinel.app.progress import reporter
    from gcm_sentinel.app.wiring import Given, open_agent

    async with kept_history(settings, request.node) as kept, open_agent(settings, Given(history=kept.history)) as agent:
        sys.stderr.write(f"{one_line(kept.words)}\n")
        closed = await investigate(agent, request, publish=publish, on_step=reporter(verbose=verbose))
    _print_closed(closed, output)
    failed = [delivery for delivery in closed.deliveries if not delivery.delivered]
    for delivery in failed:
        sys.stderr.write(f"not delivered to {delivery.notifier}: {one_line(delivery.reason)}\n")
    return Exit.OUTSIDE if failed else of_outcome(closed.investigation.assessment.outcome)


def _print_closed(closed: Closed, output: str) -> None:
    if output == "json":
        from gcm_sentinel.web.report_json import publication_to_json

        print_json(publication_to_json(closed.publication))
    elif output == "html":
        from gcm_sentinel.web.report import render_report

        assessment = closed.investigation.assessment
        print(render_report([closed.publication], title=assessment.node, generated_at=assessment.created_at))
    else:
        _print_text(closed)


def _print_text(closed: Closed) -> None:
    from gcm_sentinel.web.terminal import render_panel, render_text

    if not sys.stdout.isatty():
        print(render_text(closed.publication))
        return
    from rich.console import Console

    Console().print(render_panel(closed.publication))


async def doctor_command(settings: Settings, *, output: str) -> Exit:
    """`doctor`."""
    from gcm_sentinel.app import doctor as clinic
    from gcm_sentinel.app.doctor_node_agents import examine_node_agents
    from gcm_sentinel.app.doctor_people import examine_people
    from gcm_sentinel.app.doctor_rights import directs
    from gcm_sentinel.app.doctor_sentinel import examine_gateway, told_once
    from gcm_sentinel.app.doctor_store import open_store
    from gcm_sentinel.app.node_agents import probes_allowed
    from gcm_sentinel.app.wiring import Given, open_agent

    async with AsyncExitStack() as stack:
        store, stores = await open_store(settings, stack)
        agent = await stack.enter_async_context(open_agent(settings, Given(stores=stores)))
        records, watches = settings.sentinel_record_assessments, settings.sentinel_watch
        others = await clinic.examine(agent)
        gateway = await examine_gateway(agent.sentinel, records=records, watches=watches, directs=directs(agent))
        nodes = await examine_node_agents(agent.node_agents, agent.kubernetes, probes_allowed(settings))
        people = await examine_people(settings)
        findings = (store, *told_once(others, gateway), *gateway, *nodes, *people)
    if output == "json":
        rows: list[Json] = [
            {
                "area": item.area,
                "name": item.name,
                "ok": item.ok,
                "required": item.required,
                "broken": item.broken,
                "detail": item.detail,
                "remedy": item.remedy,
            }
            for item in findings
        ]
        print_json({"healthy": clinic.healthy(findings), "findings": rows})
    else:
        _print_findings(findings, clinic.verdict(findings))
    return Exit.OK if clinic.healthy(findings) else Exit.UNMET


def _print_findings(findings: tuple[Finding, ...], verdict: str) -> None:
    """What servers said is part of it, so nothing of it may pass for another line or move the terminal."""
    area = ""
    for item in findings:
        if item.area != area:
            area = item.area
            print(f"\n{area}")
        mark = "ok  " if item.ok else ("FAIL" if item.fails else "off ")
        print(f"  {mark} {one_line(item.name):<20} {one_line(item.detail)}")
        if item.remedy:
            print(f"       {'':<20} -> {one_line(item.remedy)}")
    print(f"\n{verdict}")


async def fleet_command(scenario: str, seed: int) -> None:
    """`fleet serve`: until a signal."""
    from gcm_sentinel.app.scenarios import find_scenario
    from gcm_sentinel.app.simulated import open_fleet

    found = find_scenario(scenario)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_fleet(found, seed) as fleet:
        print("\n".join(fleet.describe()), flush=True)
        await stop.wait()


def print_closed_lists() -> None:
    """The closed lists a scenario may use."""
    from gcm_sentinel.domain import actions, faults
    from gcm_sentinel.domain.assessment import Severity

    print("fault classes")
    for fault in faults.FaultClass:
        print(f"  {fault:<32} {faults.MEANING[fault]}")
    print("\nactions")
    for action in actions.Action:
        print(f"  {action:<32} {actions.MEANING[action]}")
    print("\nseverities")
    for severity in Severity:
        print(f"  {severity}")
