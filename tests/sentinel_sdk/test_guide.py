"""The examples of the reference's guide, run as they stand against `sentinel-gateway serve`.

Only host names and certificate paths are replaced. Examples that only take a CA certificate get the token from the
environment: the gateway lets nobody in who proves nothing.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.sentinel_sdk import gateway
from tests.sentinel_sdk.gateway import GPU, TRAINING
from tests.sentinel_sdk.scripted import eventually

from sentinel_sdk import NotFoundError, SentinelClient
from sentinel_sdk.types import GpuHealthState, QuarantineAction

GUIDE = Path(__file__).parent / "guide"
_HOSTS = re.compile(r"sentinel\.(?:example\.com|prod\.internal|internal):443|localhost:50051")

# The examples call datetime.utcnow(), which later versions of Python warn of.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch, tmp_path):
    """A folder of its own, and what an example sets in the environment or the logging is undone."""
    monkeypatch.chdir(tmp_path)
    variables = dict(os.environ)
    root, ours = logging.getLogger(), logging.getLogger("sentinel_sdk")
    levels, handlers = (root.level, ours.level), list(root.handlers)
    yield
    os.environ.clear()
    os.environ.update(variables)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def client(plain):
    with SentinelClient.connect(plain.endpoint) as client:
        yield client


def on_plain(name: str, plain: gateway.Plain) -> str:
    return _HOSTS.sub(plain.endpoint, (GUIDE / f"{name}.txt").read_text())


def on_secure(name: str, secure: gateway.Secure) -> str:
    text = (GUIDE / f"{name}.txt").read_text()
    text = _HOSTS.sub(secure.endpoint if "client_cert_path" in text else secure.token_endpoint, text)
    for path, files in (("client.pem", secure.operator.certificate), ("client-key.pem", secure.operator.key)):
        text = text.replace(f'"/etc/sentinel/{path}"', repr(str(files)))
    return re.sub(r'"(?:/etc/sentinel/)?ca\.pem"', repr(str(secure.authority.certificate)), text)


def known(plain: gateway.Plain) -> int:
    """How many GPUs the gateway knows; other tests add some."""
    with SentinelClient.connect(plain.endpoint) as client:
        return client.query_fleet_health().total_gpus


def run(text: str, **names: Any) -> dict[str, Any]:
    """Run a whole example, or a fragment with `names` for what it takes for granted; what it defined."""
    code = compile(text, "<guide>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    space = {"__name__": "__main__", **names}
    outcome = eval(code, space)  # noqa: S307 - the examples, which stand beside this file
    if inspect.iscoroutine(outcome):
        asyncio.run(outcome)
    return space


async def run_async(text: str, client: SentinelClient | None, **names: Any) -> dict[str, Any]:
    """Run a fragment for an asynchronous client in the client's own event loop."""
    code = compile(text, "<guide>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    space = {"client": client, **names}
    await eval(code, space)  # noqa: S307 - the examples, which stand beside this file
    return space


class TestQuickStart:
    @pytest.fixture(autouse=True)
    def _token(self, monkeypatch):
        monkeypatch.setenv("SENTINEL_TOKEN", gateway.TOKEN)

    def test_synchronous(self, secure, capsys):
        run(on_secure("quick_start_sync", secure))

        assert re.search(
            r"GPU state: HEALTHY, reliability: 0\.99\d\d\nFleet: \d/\d healthy, SDC", capsys.readouterr().out
        )

    def test_asynchronous(self, secure, capsys):
        run(on_secure("quick_start_async", secure))

        assert capsys.readouterr().out == "GPU state: HEALTHY\n"

    @pytest.mark.parametrize("name", ["context_manager_sync", "context_manager_async"])
    def test_context_manager(self, plain, capsys, monkeypatch, name):
        monkeypatch.delenv("SENTINEL_TOKEN")

        run(on_plain(name, plain), SentinelClient=SentinelClient)

        assert capsys.readouterr().out == f"{known(plain)} GPUs tracked\n"


class TestConnecting:
    def test_insecure(self, plain):
        client = run(on_plain("insecure", plain), SentinelClient=SentinelClient)["client"]

        assert client.query_fleet_health().total_gpus >= 5
        client.close()

    @pytest.mark.parametrize("name", ["server_tls", "mutual_tls", "connect"])
    def test_with_tls(self, secure, monkeypatch, name):
        if name != "mutual_tls":
            monkeypatch.setenv("SENTINEL_TOKEN", gateway.TOKEN)

        client = run("from sentinel_sdk import *\n" + on_secure(name, secure))["client"]

        assert client.query_fleet_health().total_gpus >= 6
        client.close()

    async def test_asynchronously(self, secure, monkeypatch):
        monkeypatch.setenv("SENTINEL_TOKEN", gateway.TOKEN)

        space = await run_async("from sentinel_sdk import *\n" + on_secure("aconnect", secure), None)

        assert (await space["client"].aquery_fleet_health()).total_gpus >= 6
        await space["client"].aclose()

    def test_by_environment_variables(self, secure, monkeypatch):
        monkeypatch.setenv("SENTINEL_TOKEN", gateway.TOKEN)
        run(on_secure("environment", secure))

        with SentinelClient.connect() as client:
            assert client.query_fleet_health().total_gpus >= 6


class TestReference:
    def test_query_gpu_health(self, plain, client, capsys):
        run(on_plain("query_gpu_health", plain), client=client)

        shown = capsys.readouterr().out
        assert "State:       HEALTHY" in shown
        assert "Probes:      20 pass / 1 fail" in shown
        assert re.search(r"  SM 2: 1 failures, reliability=0\.\d{4}", shown)

    async def test_aquery_gpu_health(self, plain):
        async with await SentinelClient.aconnect(plain.endpoint) as client:
            space = await run_async(on_plain("aquery_gpu_health", plain), client)

        assert space["health"].gpu.uuid == GPU

    def test_query_fleet_health(self, plain, client, capsys):
        run(on_plain("query_fleet_health", plain), client=client)

        shown = capsys.readouterr().out
        assert re.match(
            rf"Total: {known(plain)} \| Healthy: \d+ \| Suspect: \d+ \| Quarantined: \d+\nSDC rate: \d", shown
        )

    def test_get_gpu_history(self, plain, client, capsys):
        run(on_plain("get_gpu_history", plain), client=client)

        assert re.search(r"State transitions: \d+\n", capsys.readouterr().out)

    def test_issue_quarantine(self, plain, client, capsys):
        run(on_plain("issue_quarantine", plain), client=client)

        assert re.fullmatch(r"Directive [0-9a-f-]{36} accepted, GPU now HEALTHY\n", capsys.readouterr().out)
        assert client.query_gpu_health(GPU).state is GpuHealthState.HEALTHY

    def test_query_audit_trail(self, plain, client, capsys):
        client.quarantine_gpu(TRAINING[3], "test of the guide")
        client.reinstate_gpu(TRAINING[3], "test of the guide")

        text = on_plain("query_audit_trail", plain).replace(GPU, TRAINING[3])
        run(text, client=client)

        assert re.search(
            r"Found \d+ entries \(showing \d+\)\n  \[\d+\] QUARANTINE_ACTION at 20", capsys.readouterr().out
        )

    def test_verify_chain(self, plain, client, capsys):
        run(on_plain("verify_chain", plain), client=client)

        assert re.match(r"Chain integrity verified: [1-9]\d* entries, [1-9]\d* batches", capsys.readouterr().out)

    def test_get_trust_graph(self, plain, client, capsys):
        run(on_plain("get_trust_graph", plain), client=client)

        shown = capsys.readouterr().out
        assert "Trust graph:" in shown
        assert re.search(r"Low trust: GPU-[abc]{4}1111-222\.\.\. <-> GPU-cccc1111-222", shown)

    def test_update_config(self, plain, client, capsys):
        run(on_plain("update_config", plain), client=client)

        assert re.match(r"Config cfg-001 applied by .+ \(v\d+\)", capsys.readouterr().out)

    def test_stream_events(self, plain, client, capsys):
        other = SentinelClient.connect(plain.endpoint)
        shown: list[str] = []
        listening = threading.Thread(
            target=run, args=(on_plain("stream_events", plain),), kwargs={"client": other, "print": shown.append}
        )
        listening.start()

        def heard():
            client.issue_quarantine(TRAINING[2], QuarantineAction.CONDEMN, "guide", initiated_by="operator:jane")
            return bool(shown)

        assert eventually(heard)
        other.close()
        listening.join(10)

        assert not listening.is_alive()
        assert re.fullmatch(rf"\[20.+\] CONDEMN -> {TRAINING[2]} \(guide\)", shown[0])

    async def test_astream_events(self, plain):
        client = await SentinelClient.aconnect(plain.endpoint)
        shown: list[str] = []
        listening = asyncio.ensure_future(
            run_async(on_plain("astream_events", plain), client, QuarantineDirective=object, print=shown.append)
        )
        while not shown:
            await client.aissue_quarantine(TRAINING[2], QuarantineAction.CONDEMN, "guide")
            await asyncio.sleep(0.01)

        await client.aclose()
        await asyncio.wait_for(listening, 10)

        assert shown[0] == f"Directive: CONDEMN -> {TRAINING[2]}"

    async def test_to_thread(self, plain, client):
        space = await run_async(on_plain("to_thread", plain), client, asyncio=asyncio)

        assert space["result"].total_gpus == known(plain)

    def test_error_handling(self, plain, capsys):
        run(on_plain("error_handling", plain))

        assert re.match(r"GPU not found: .*GPU-nonexistent-uuid", capsys.readouterr().out)

    def test_logging(self, plain, client, caplog):
        run(on_plain("logging", plain))

        with pytest.raises(NotFoundError):
            client.query_gpu_health("GPU-nonexistent-uuid")

        assert logging.getLogger("sentinel_sdk").level == logging.DEBUG


class TestIntegration:
    def test_a_training_run(self, secure, capsys, monkeypatch):
        monkeypatch.setenv("SENTINEL_TOKEN", gateway.TOKEN)

        run(on_secure("training_run", secure))

        shown = capsys.readouterr().out
        assert shown.count("OK (reliability=0.99") == 4
        assert shown.endswith("All GPUs healthy. Starting training...\n")

    def test_before_inference(self, plain, capsys):
        run(on_plain("inference", plain))

        assert capsys.readouterr().out == "GPU is safe for inference\n"

    def test_a_dashboard(self, secure, tmp_path, monkeypatch):
        monkeypatch.setenv("SENTINEL_TOKEN", gateway.TOKEN)

        shown = first_words(on_secure("dashboard", secure), tmp_path, "}")

        assert json.loads(shown)["total_gpus"] >= 6

    def test_automated_quarantine(self, secure, tmp_path):
        shown = first_words(on_secure("auto_quarantine", secure), tmp_path, "\n")

        assert shown == "Found 1 suspect GPUs, investigating...\n"

    def test_an_export_of_the_audit_trail(self, plain, tmp_path, capsys):
        run(on_plain("audit_export", plain))

        records = [json.loads(line) for line in (tmp_path / "audit_export.jsonl").read_text().splitlines()]
        shown = capsys.readouterr().out
        assert [record["entry_id"] for record in records] == list(range(1, len(records) + 1))
        assert f"Exported {len(records)} entries" in shown
        assert "Chain integrity: VALID" in shown


INTERRUPTIBLE = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started with it ignored
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def first_words(text: str, folder: Path, until: str) -> str:
    """What an example that runs for ever prints first; it is then interrupted, as by Ctrl-C."""
    (folder / "example.py").write_text(text)
    command = [sys.executable, "-u", "-c", INTERRUPTIBLE, str(folder / "example.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        shown = ""
        while not shown.endswith(until):
            shown += process.stdout.read(1) or pytest.fail(process.communicate()[1])
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    return shown
