"""The end of a gateway, in order and not, and what the next one knows.

With PostgreSQL the same is slow to try; what it stores at which moment is shown for both databases by the core's tests.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, code_of, directive, execution, settings, until
from tests.sentinel_gateway.process import environment_of, serving

from sentinel.ext.v1 import directives_pb2, ledger_pb2, records_pb2
from sentinel.v1 import audit_pb2, common_pb2, config_pb2, correlation_pb2, quarantine_pb2
from sentinel_gateway.app.collecting import BadSettings
from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.domain.errors import BadConfiguration, Unavailable
from sentinel_serving.release import version

pytestmark = pytest.mark.slow

QUARANTINE, CONDEMN = 1, 3
_HEALTH = correlation_pb2.HealthQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU), include_sm_health=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request):
    return {"database": {"url": request.getfixturevalue("postgres_url")}} if request.param == "postgresql" else {}


@pytest.fixture
def environment(tmp_path, database):
    return environment_of({"database": {"state_dir": tmp_path, **database.get("database", {})}})


async def test_what_was_acknowledged_is_there_after_kill_9(environment, tmp_path, database):
    async with serving(environment) as first, first.client() as client:
        await client.report(batch(execution(2, sm=7), execution(1, sm=8, execution_id="2")))
        await client.issue(QUARANTINE, directive_id="d1")
        await client.issue(CONDEMN, directive_id="d2")
        before = await client.correlation.QueryGpuHealth(_HEALTH, timeout=WITHIN_S)
        head = await client.ledger.GetCheckpoint(_CHECKPOINT, timeout=WITHIN_S)
        await first.kill()

    async with (
        running_gateway(settings(tmp_path, database)) as second,
        grpc.aio.insecure_channel(f"127.0.0.1:{second.grpc_port}") as channel,
    ):
        client = Client(channel)
        assert (await client.correlation.QueryGpuHealth(_HEALTH, timeout=WITHIN_S)).health == before.health
        verified = await client.audit.VerifyChain(audit_pb2.ChainVerificationRequest(), timeout=WITHIN_S)
        waiting = await client.directives.GetDirective(_D2, timeout=WITHIN_S)

    assert verified.valid
    assert verified.entries_verified > head.tree_size
    assert waiting.status == directives_pb2.DIRECTIVE_STATUS_WAITING


_CHECKPOINT = ledger_pb2.GetCheckpointRequest()
_D2 = directives_pb2.GetDirectiveRequest(directive_id="d2")


async def test_it_says_where_it_listens_and_the_first_signal_ends_streams_with_unavailable(tmp_path):
    environment = environment_of({"database": {"state_dir": tmp_path}, "grpc": {"grace_seconds": 1}})
    async with serving(environment) as process, process.client() as client:
        streams: list[Any] = [
            client.probes.StreamProbeResults(),
            client.quarantine.StreamDirectives(quarantine_pb2.DirectiveSubscription()),
            client.config.ConfigStream(iter([config_pb2.ConfigAck(component_id="node-1")])),
        ]
        await streams[0].write(batch())
        await streams[0].read()
        await asyncio.gather(*(stream.initial_metadata() for stream in streams[1:]))

        assert process.said["event"] == "gateway.serving"
        assert process.said["rest"].startswith("127.0.0.1:")
        assert await process.signalled(signal.SIGTERM) == 0
        codes = await asyncio.gather(*(stream.code() for stream in streams))

    assert codes == [grpc.StatusCode.UNAVAILABLE] * 3


async def test_start_and_end_are_recorded_in_the_ledger(tmp_path):
    async with running_gateway(settings(tmp_path)):
        pass
    async with (
        running_gateway(settings(tmp_path)) as second,
        grpc.aio.insecure_channel(f"127.0.0.1:{second.grpc_port}") as channel,
    ):
        page = await Client(channel).audit.QueryAuditTrail(audit_pb2.AuditQueryRequest(), timeout=WITHIN_S)

    told = [records_pb2.SystemRecord.FromString(entry.data) for entry in page.entries]
    started = next(record for record in told if record.event == "gateway.started")
    assert any(record.event == "gateway.stopped" for record in told)
    assert (started.fields["insecure"], started.fields["tls"], started.fields["version"]) == ("true", "off", version())


async def test_a_second_gateway_on_the_same_database_does_not_start(tmp_path, gateway):
    with pytest.raises(BadConfiguration):
        async with running_gateway(settings(tmp_path)):
            pass


@pytest.mark.parametrize(
    ("group", "key"), [("grpc", "listen"), ("grpc", "also_listen"), ("rest", "listen"), ("metrics", "listen")]
)
async def test_a_start_whose_port_is_taken_names_it_and_makes_nothing(tmp_path, group, key):
    folder = tmp_path / "state"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BadConfiguration, match=str(port)):
            async with running_gateway(settings(folder, {group: {key: f"127.0.0.1:{port}"}})):
                pass

    assert not folder.exists()


async def test_all_ports_that_are_taken_are_named_with_what_chooses_them(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        grpc_at, rest_at = (f"127.0.0.1:{other.getsockname()[1]}" for other in (one, two))
        with pytest.raises(BadSettings) as refused:
            async with running_gateway(settings(tmp_path, {"grpc": {"listen": grpc_at}, "rest": {"listen": rest_at}})):
                raise AssertionError("it must not start")

    told = refused.value.faults
    assert [grpc_at in told[0], "--port" in told[0], rest_at in told[1], "--rest-port" in told[1]] == [True] * 4


async def test_a_start_whose_port_is_taken_records_nothing_in_a_ledger_that_is_there(tmp_path):
    async with running_gateway(settings(tmp_path)):
        pass
    before = (tmp_path / "checkpoint").read_text()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = settings(tmp_path, {"rest": {"listen": f"127.0.0.1:{other.getsockname()[1]}"}})
        with pytest.raises(BadConfiguration):
            async with running_gateway(taken):
                pass

    assert (tmp_path / "checkpoint").read_text() == before


async def test_a_start_that_fails_gives_its_ports_back(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = f"127.0.0.1:{port}"
    away: Groups = {"database": {"url": "postgresql://user@127.0.0.1:1/x"}, "grpc": {"listen": listen}}
    with pytest.raises(Unavailable):
        async with running_gateway(settings(tmp_path / "state", away)):
            pass

    assert not list(tmp_path.glob("state/*"))
    async with running_gateway(settings(tmp_path, {"grpc": {"listen": listen}})) as gateway:
        assert gateway.grpc_port == port


async def test_a_new_database_does_not_pass_for_one_that_is_gone(tmp_path):
    async with running_gateway(settings(tmp_path)):
        pass
    for file in tmp_path.glob("gateway.db*"):
        file.unlink()

    with pytest.raises(BadConfiguration, match="belongs to the database .* ledger accept-loss"):
        async with running_gateway(settings(tmp_path)):
            pass


async def test_health_checks_hear_of_the_end_while_running_calls_finish(tmp_path):
    async with running_gateway(settings(tmp_path)) as gateway:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}")
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)
        first: Any = await watch.read()
    last: Any = await watch.read()
    await channel.close()

    assert first.status == health_pb2.HealthCheckResponse.SERVING
    assert last.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_second_signal_exits_at_once(tmp_path, postgres_url):
    groups = {"database": {"state_dir": tmp_path, "url": postgres_url}, "grpc": {"grace_seconds": 600}}
    async with serving(environment_of(groups)) as process, process.client() as client:
        await client.report(batch())
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE sentinel_gateway.ledger_entries IN ACCESS EXCLUSIVE MODE")
            call = client.quarantine.IssueDirective(directive(QUARANTINE))
            await until(lambda: _somebody_waits(other), "the directive waits for the lock")
            process.child.send_signal(signal.SIGTERM)
            await process.logged("gateway.stopping")

            assert await process.signalled(signal.SIGINT) == 130
        assert await code_of(call) is grpc.StatusCode.UNAVAILABLE


async def _somebody_waits(connection: psycopg.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall())
