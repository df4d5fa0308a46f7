"""Real gateways, each `sentinel-gateway serve` in a process of its own, for the tests that need one."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from tests.sentinel_sdk.certificates import Authority, Files

from sentinel_sdk import SentinelClient, TlsConfig
from sentinel_sdk.types import (
    GpuIdentifier,
    ProbeExecution,
    ProbeResult,
    ProbeResultBatch,
    ProbeType,
    SmIdentifier,
    TmrGpuResult,
    TmrResult,
)

GPU = "GPU-abcd1234-5678-9abc-def0-123456789abc"
TRAINING = [f"GPU-{letter * 4}1111-2222-3333-4444-555566667777" for letter in "abcd"]
SUSPECT = "GPU-5005ec70-0000-0000-0000-000000000000"
TOKEN = "for-the-tests-of-the-guide"
_COMMAND = (sys.executable, "-c", "from sentinel_gateway.app.cli import main; main()", "serve")


@dataclass(frozen=True)
class Plain:
    """A gateway without TLS, where everybody is admin and agent."""

    endpoint: str


@dataclass(frozen=True)
class Secure:
    """A gateway with TLS."""

    endpoint: str
    """Requires a client certificate."""
    token_endpoint: str
    """Asks for none; takes tokens."""
    authority: Authority
    operator: Files
    reviewer: Files
    agent: Files

    def tls(self, files: Files) -> TlsConfig:
        return TlsConfig(str(self.authority.certificate), str(files.certificate), str(files.key))


@contextmanager
def plain_gateway(folder: Path) -> Iterator[Plain]:
    with _serving(folder, {"access": {"insecure": True}}) as listening:
        yield Plain(listening[0])


@contextmanager
def keyed_gateway(folder: Path, key: str) -> Iterator[Plain]:
    """Takes nothing but executions that are signed with `key`, which it reads from a file."""
    file = folder / "hmac-key"
    file.write_text(f"{key}\n")
    with _serving(folder, {"access": {"insecure": True}, "probes": {"hmac_key_file": str(file)}}) as listening:
        yield Plain(listening[0])


@contextmanager
def secure_gateway(folder: Path) -> Iterator[Secure]:
    authority = Authority(folder, "authority")
    server, operator, reviewer, agent = (authority.issue(name) for name in ("server", "operator", "reviewer", "agent"))
    settings = {
        "grpc": {"token_listen": ["127.0.0.1:0"]},
        "tls": {
            "cert_file": str(server.certificate),
            "key_file": str(server.key),
            "ca_file": str(authority.certificate),
        },
        "access": {
            "certificates": [
                {"name": "operator", "roles": ["admin"]},
                {"name": "reviewer", "roles": ["admin"]},
                {"name": "agent", "roles": ["agent"]},
            ],
            "tokens": [{"name": "guide", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "roles": ["admin"]}],
        },
    }
    with _serving(folder, settings) as listening:
        yield Secure(listening[0], listening[1], authority, operator, reviewer, agent)


class Restarted:
    """A gateway without TLS that can be stopped in two ways, and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.endpoint = "127.0.0.1:0"
        self.start()

    def start(self) -> None:
        settings = {
            "access": {"insecure": True},
            "grpc": {"listen": self.endpoint, "grace_seconds": 1},
            "rest": {"listen": ""},
            "database": {"state_dir": str(self._folder)},
        }
        (self._folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
        with (self._folder / "gateway.log").open("a") as output:
            command = (*_COMMAND, "--config", str(self._folder / "gateway.yaml"))
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True)  # noqa: S603 - our own
        assert self._process.stdout is not None
        announced = self._process.stdout.readline()
        assert announced, (self._folder / "gateway.log").read_text()
        self.endpoint = json.loads(announced)["grpc"][0]

    def kill(self) -> None:
        """As kill -9, or the kernel short of memory, does it."""
        self._process.kill()
        self._process.communicate(timeout=30)

    def stop(self) -> None:
        """As an upgrade does it."""
        self._process.terminate()
        self._process.communicate(timeout=30)


@contextmanager
def _serving(folder: Path, settings: dict[str, Any]) -> Iterator[list[str]]:
    settings["grpc"] = {"listen": "127.0.0.1:0", "grace_seconds": 1, **settings.get("grpc", {})}
    settings |= {"rest": {"listen": ""}, "database": {"state_dir": str(folder)}}
    (folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
    with (folder / "gateway.log").open("w") as output:
        command = (*_COMMAND, "--config", str(folder / "gateway.yaml"))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True)  # noqa: S603 - our own
        try:
            assert process.stdout is not None
            announced = process.stdout.readline()
            assert announced, (folder / "gateway.log").read_text()
            yield json.loads(announced)["grpc"]
        finally:
            process.terminate()
            process.communicate(timeout=30)


def executions(gpu_uuid: str, results: Sequence[ProbeResult], sm_id: int = 2) -> list[ProbeExecution]:
    """Executions of a probe on one SM of a GPU, just now."""
    gpu = GpuIdentifier(uuid=gpu_uuid, hostname="gpu-rack-03-node-1", model="NVIDIA H100 80GB HBM3")
    return [
        ProbeExecution(
            execution_id=f"{gpu_uuid}-{number}",
            probe_type=ProbeType.FMA,
            sm=SmIdentifier(gpu=gpu, sm_id=sm_id),
            result=result,
            timestamp=datetime.now(UTC),
        )
        for number, result in enumerate(results)
    ]


def report_probes(client: SentinelClient, gpu_uuid: str, *, passes: int = 0, failures: int = 0) -> None:
    """Let an agent report that a GPU passed and failed probes on one of its SMs."""
    results = [ProbeResult.PASS] * passes + [ProbeResult.FAIL] * failures
    with client.probe_stream("gpu-rack-03-node-1") as stream:
        ack = stream.send(ProbeResultBatch(executions=executions(gpu_uuid, results)))
    assert (ack.accepted, ack.rejection_reason) == (True, "")


def report_a_failing_sm(client: SentinelClient, gpu_uuid: str, *, sweeps: int = 2) -> None:
    """Let an SM fail in so many sweeps, a minute apart: two are enough to suspect its GPU."""
    failed = executions(gpu_uuid, [ProbeResult.FAIL] * sweeps)
    for number, one in enumerate(failed):
        one.timestamp = datetime.now(UTC) - timedelta(minutes=sweeps - number)
    with client.probe_stream("gpu-rack-03-node-1") as stream:
        assert stream.send(failed).accepted


def report_dissent(client: SentinelClient, *gpu_uuids: str) -> None:
    """Let the last of three GPUs disagree with the others."""
    results = [
        TmrGpuResult(gpu=GpuIdentifier(uuid=uuid), output_fingerprint=print_, success=True)
        for uuid, print_ in zip(gpu_uuids, (b"same", b"same", b"other"), strict=True)
    ]
    client.report_tmr_result(TmrResult(canary_id="canary-1", results=results, timestamp=datetime.now(UTC)))
