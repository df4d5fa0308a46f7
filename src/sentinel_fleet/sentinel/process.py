"""A gateway of its own for one world: `sentinel-gateway serve` in a process, its database in a temporary folder.

It is known by its command and its wire alone. Loopback, plain text, a free port; who is who is told
by tokens, as an operator would give them out, so that the ledger names people and programs.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from sentinel_fleet.sentinel.command import Child, GatewayFailed, Launch, Spawned

AGENT, INVESTIGATOR = "probe-agent", "gcm-sentinel"
"""Names of the two programs that have tokens; all others are people, who are operators."""
DATABASE, KEYS = "gateway.db", "ledger-keys.txt"
_READY_WITHIN_S, _STOPPED_WITHIN_S = 60.0, 20.0
_LOG_LINES = 6


@dataclass(slots=True)
class GatewayProcess:
    """One database and the process that serves it; it may be started again."""

    folder: Path
    tokens: Mapping[str, str]
    """By name of the holder."""
    launch: Launch = Spawned.launch
    """How its process is started."""
    _child: Child | None = field(default=None, init=False)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / DATABASE

    @property
    def _log(self) -> Path:
        return self.folder / "gateway.log"

    async def spawn(self) -> None:
        """Start the process; it needs a second or two before it answers.

        Raises:
            GatewayFailed: the command is not installed.
        """
        config = self.folder / "gateway.json"
        config.write_text(json.dumps(_settings(self.folder, self.tokens)), encoding="utf-8")  # JSON is YAML, too
        self._child = await self.launch(("serve", "--config", str(config)), self._log)

    async def endpoint(self) -> str:
        """host:port, once it answers.

        Raises:
            GatewayFailed: it ended, or takes too long; with the last lines of its log.
        """
        if self._child is None:
            raise GatewayFailed("the gateway was not spawned")
        try:
            line = await asyncio.wait_for(self._child.first_line(), _READY_WITHIN_S)
        except TimeoutError:
            line = b""
        if not line:
            log = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise GatewayFailed("the gateway did not start: " + " | ".join(log[-_LOG_LINES:]))
        return str(json.loads(line)["grpc"][0])

    async def stop(self) -> None:
        """End it in order."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.signal(how)
        try:
            async with asyncio.timeout(_STOPPED_WITHIN_S):
                await child.ended()
        except TimeoutError:
            child.signal(signal.SIGKILL)
            await child.ended()


def new_tokens(people: set[str]) -> dict[str, str]:
    """A token for each program and person."""
    return {name: secrets.token_hex(24) for name in (AGENT, INVESTIGATOR, *sorted(people))}


def _settings(folder: Path, tokens: Mapping[str, str]) -> dict[str, object]:
    roles = {AGENT: ["agent"], INVESTIGATOR: ["responder"]}
    holders = [
        {"name": name, "sha256": sha256(token.encode()).hexdigest(), "roles": roles.get(name, ["operator"])}
        for name, token in tokens.items()
    ]
    return {
        "access": {"insecure": True, "tokens": holders},
        "grpc": {"listen": "127.0.0.1:0"},
        "rest": {"listen": ""},
        "database": {"url": f"sqlite:///{folder / DATABASE}", "state_dir": str(folder)},
        "ledger": {"origin": "sentinel.fleet"},
        "tmr": {"count_unscheduled": True},  # agents of a world choose their canaries themselves
        "log": {"level": "warning"},
    }
