"""A provider's server on loopback whose model has made up its mind: what it looks at, asks for and advises.

It speaks the protocol of `tests.durability.world_outside`, so the agent reaches it as it reaches any provider.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from tests.cluster.agent.world import CONDITION
from tests.durability.world_outside import VERDICT, Calls, Outside

Object = dict[str, Any]
_READY_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Mind:
    """What the model does about one node."""

    operation: str
    """The tool it asks for an action with."""
    advice: str
    """The action in its assessment."""
    arguments: Mapping[str, str]
    target: Mapping[str, str]
    looks: tuple[tuple[str, Object], ...] = ()
    """Besides the node, which it looks at first."""

    def turns(self, node: str) -> list[Calls]:
        """Look, ask, submit."""
        asked = {**self.arguments, "reason": "unfit for work"}
        cites = [{"evidence": "E1", "quote": CONDITION}]
        claim = {"text": "the condition is there", "cites": cites, "absence": False}
        sure = {"severity": "critical", "fault_class": "gpu_off_bus", "confidence": 0.95, "claims": [claim]}
        actions = [{"action": self.advice, "target": dict(self.target), "reason": "unfit"}]
        verdict = {**VERDICT, **sure, "actions": actions}
        looks = [("get_node_info", {"node_name": node}), *self.looks]
        return [looks, [(self.operation, asked)], [("submit_assessment", verdict)]]


class Advisor(Outside):
    """The model; `minds` by the name of the node that an investigation is about."""

    def __init__(self, minds: Mapping[str, Mind]) -> None:
        super().__init__()
        self._minds = minds

    def calls(self, messages: list[dict[str, Any]]) -> Calls:
        """What it calls next."""
        about = json.dumps(messages[0])
        (node,) = (name for name in self._minds if name in about)
        return self._minds[node].turns(node)[len(messages) // 2]


@contextmanager
def serving(app: web.Application, hosts: Sequence[str] = ("127.0.0.1",)) -> Iterator[int]:
    """The port of a server at these addresses of the loopback device, in a thread of its own."""
    loop, runner, ready = asyncio.new_event_loop(), web.AppRunner(app), threading.Event()

    async def start() -> None:
        await runner.setup()
        port = 0
        for host in hosts:
            await web.TCPSite(runner, host, port).start()
            port = runner.addresses[0][1]
        ready.set()

    def run() -> None:
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(_READY_WITHIN_S)
    yield int(runner.addresses[0][1])
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_READY_WITHIN_S)
