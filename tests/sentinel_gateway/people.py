"""A gateway that knows some people by their tokens, a GPU of its own for every test, and the `directives` commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from tests.sentinel_gateway.driving import settings
from typer.testing import CliRunner

from sentinel_gateway.app.cli import cli
from sentinel_gateway.app.running import Running, running_gateway
from sentinel_gateway.domain.access import token_digest
from sentinel_gateway.domain.errors import GatewayError
from sentinel_sdk import SentinelClient, types

ROLES = {"ann": ["admin"], "ben": ["admin"], "olga": ["operator"], "oscar": ["operator"], "agent": ["agent"]}


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Place:
    """The gateway, and who asks it."""

    gateway: Running
    clients: dict[str, SentinelClient]

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.gateway.grpc_port}"

    async def waiting(self, by: str = "olga", *, reason: str = "it computes wrongly") -> tuple[str, str]:
        """A directive that waits for a person: its id, and the UUID of its GPU."""
        gpu = types.GpuIdentifier(uuid=f"GPU-{uuid4()}", hostname="node-7", model="NVIDIA H100 80GB HBM3")
        passed, now = types.ProbeResult.PASS, datetime.now(UTC)
        probe = types.ProbeExecution(
            execution_id="1",
            probe_type=types.ProbeType.FMA,
            sm=types.SmIdentifier(gpu=gpu),
            result=passed,
            timestamp=now,
        )
        async with self.clients["agent"].aprobe_stream("node-7") as stream:
            assert (await stream.send([probe])).accepted
        answer = await self.clients[by].aissue_quarantine(gpu.uuid, types.QuarantineAction.CONDEMN, reason, by, ["log"])
        assert answer.waiting
        return answer.directive_id, gpu.uuid

    async def run(self, who: str, *arguments: str, answer: str = "") -> Said:
        """`sentinel-gateway directives ...` as somebody, who answers a question with `answer`."""
        return await ran(*arguments, environment={"SENTINEL_ENDPOINT": self.endpoint, "SENTINEL_TOKEN": who},
                         answer=answer)  # fmt: skip


async def ran(*arguments: str, environment: dict[str, str], answer: str = "") -> Said:
    """The command with nothing but `environment` of our variables, in a thread: the gateway runs in this one."""
    unset = dict.fromkeys(("SENTINEL_CA_CERT", "SENTINEL_CLIENT_CERT", "SENTINEL_CLIENT_KEY"), "")
    result = await asyncio.to_thread(
        CliRunner().invoke, cli, ["directives", *arguments], input=answer, env={**unset, **environment}
    )
    if result.exception and not isinstance(result.exception, GatewayError | SystemExit):
        raise result.exception
    refused = f"refused: {result.exception}" if isinstance(result.exception, GatewayError) else ""
    return Said(2 if refused else result.exit_code, result.stdout, result.stderr + refused)


@asynccontextmanager
async def placed(folder: Path) -> AsyncIterator[Place]:
    """A gateway with its people."""
    tokens = [{"name": name, "sha256": token_digest(name), "roles": roles} for name, roles in ROLES.items()]
    wanted = settings(folder, {"tls": {"enabled": False}, "access": {"tokens": tokens}}, insecure=False)
    async with running_gateway(wanted) as gateway:
        endpoint = f"127.0.0.1:{gateway.grpc_port}"
        clients = {name: await SentinelClient.aconnect(endpoint, tls_config=False, token=name) for name in ROLES}
        yield Place(gateway, clients)
        for client in clients.values():
            await client.aclose()
