"""A gateway of its own for one world: `sentinel-gateway serve` in a process, its database in a temporary folder.

It is started by its console script and known by its wire alone. Loopback, plain text, a free port; who is who is told
by tokens, as an operator would give them out, so that the ledger names people and programs.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

AGENT, INVESTIGATOR = "probe-agent", "gcm-sentinel"
"""Names of the two programs that have tokens; all others are people, who are operators."""
DATABASE, KEYS = "gateway.db", "ledger-keys.txt"
_COMMAND = "sentinel-gateway"
_READY_WITHIN_S, _STOPPED_WITHIN_S = 60.0, 20.0
_LOG_LINES = 6


class GatewayFailed(RuntimeError):
    """The world's gateway could not be started, or did not do what the world needs."""


@dataclass(slots=True)
class GatewayProcess:
    """One database and the process that serves it; it may be started again."""

    folder: Path
    tokens: Mapping[str, str]
    """By name of the holder."""
    _child: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / DATABASE

    async def spawn(self) -> None:
        """Start the process; it needs a second or two before it answers.

        Raises:
            GatewayFailed: the command is not installed.
        """
        config = self.folder / "gateway.json"
        config.write_text(json.dumps(_settings(self.folder, self.tokens)), encoding="utf-8")  # JSON is YAML, too
        with (self.folder / "gateway.log").open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                _command(), "serve", "--config", str(config),
                stdout=asyncio.subprocess.PIPE, stderr=log, env=_environment(),
            )  # fmt: skip

    async def endpoint(self) -> str:
        """host:port, once it answers.

        Raises:
            GatewayFailed: it ended, or takes too long; with the last lines of its log.
        """
        said = self._child.stdout if self._child is not None else None
        if said is None:
            raise GatewayFailed("the gateway was not spawned")
        try:
            line = await asyncio.wait_for(said.readline(), _READY_WITHIN_S)
        except TimeoutError:
            line = b""
        if not line:
            log = (self.folder / "gateway.log").read_text(encoding="utf-8", errors="replace").splitlines()
            raise GatewayFailed("the gateway did not start: " + " | ".join(log[-_LOG_LINES:]))
        return str(json.loads(line)["grpc"][0])

    async def stop(self) -> None:
        """End it in order."""
        await self._end("terminate")

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._end("kill")

    async def _end(self, how: str) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(ProcessLookupError):  # it ended by itself
            getattr(child, how)()
        try:
            await asyncio.wait_for(child.communicate(), _STOPPED_WITHIN_S)
        except TimeoutError:
            child.kill()
            await child.communicate()


def new_tokens(people: set[str]) -> dict[str, str]:
    """A token for each program and person."""
    return {name: secrets.token_hex(24) for name in (AGENT, INVESTIGATOR, *sorted(people))}


def _settings(folder: Path, tokens: Mapping[str, str]) -> dict[str, object]:
    roles = {AGENT: ["agent"], INVESTIGATOR: ["investigator"]}
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
        "log": {"level": "warning"},
    }


def _command() -> str:
    beside = Path(sys.executable).with_name(_COMMAND)
    found = str(beside) if beside.exists() else shutil.which(_COMMAND)
    if found is None:
        raise GatewayFailed(f"this world needs a SENTINEL gateway, and the command {_COMMAND!r} is not installed")
    return found


def _environment() -> dict[str, str]:
    """Without the operator's own settings of a gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SENTINEL_")}
