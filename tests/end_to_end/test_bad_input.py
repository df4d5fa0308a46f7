"""What is wrong outside costs one clear line and nothing else; a wrong request ends in one clear line."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from types import SimpleNamespace

import grpc
import pytest
import structlog
from aiohttp import web
from structlog.testing import capture_logs
from tests.sentinel_source.gateway_double import GatewayDouble, running

from gcm_sentinel.app import eval_case, plugins
from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.commands import doctor_command
from gcm_sentinel.app.doctor import examine, healthy
from gcm_sentinel.app.investigate import Request, incident_for, investigate
from gcm_sentinel.app.logs import configure
from gcm_sentinel.app.scenarios import find_scenarios
from gcm_sentinel.app.serve import serve as serve_agent
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.simulated import Case, settings_for
from gcm_sentinel.app.state import DATABASE_FILE
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.app.wiring import open_agent
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.errors import BadConfiguration, NotFound
from gcm_sentinel.domain.evidence import ResultStatus
from gcm_sentinel.storage.lock import StateLock
from sentinel_fleet.serve import serve

pytestmark = pytest.mark.slow


@pytest.fixture
async def lost_gpu(ours):
    """A served world with a GPU off the bus."""
    world = Case(ours("off-bus-riser"), 3).world()
    async with serve(world) as fleet:
        yield fleet


@pytest.fixture
def look(lost_gpu):
    async def run(**changes):
        settings = settings_for(lost_gpu, lost_gpu.world, "playbook")
        settings = load({**settings.model_dump(exclude_defaults=True), **changes})
        async with open_agent(settings) as agent:
            request = Request(lost_gpu.world.trigger.node)
            return (await investigate(agent, request, publish=False)).investigation

    return run


async def test_an_unreachable_prometheus_costs_its_facts_only(look):
    done = await look(prometheus_url="http://127.0.0.1:1")

    stated = "\n".join(done.assessment.draft.not_checked)
    assert done.assessment.outcome is Outcome.CONCLUDED
    assert "http://127.0.0.1:1" in stated
    assert "GCM_SENTINEL_PROMETHEUS_URL" in stated


async def test_a_403_from_kubernetes_costs_its_facts_only(lost_gpu, ours):
    world = Case(ours("off-bus-riser"), 3, "no-kernel-log").world()
    async with serve(world) as fleet, open_agent(settings_for(fleet, world, "playbook")) as agent:
        closed = await investigate(agent, Request(world.trigger.node), publish=False)

    refused = [item for item in closed.investigation.evidence if item.source == "kernel_log"]
    assert [item.result.status for item in refused] == [ResultStatus.UNAVAILABLE] * len(refused)
    assert "nodes/proxy" in refused[0].result.note
    assert any("kernel log" in gap.lower() for gap in closed.investigation.assessment.draft.not_checked)


async def test_a_wrong_key_is_named_and_the_playbook_engine_answers(look):
    async def refuse(_request):
        body = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
        return web.json_response(body, status=401)

    async with _provider(refuse) as url:
        done = await look(llm_api="anthropic", api_key="canary-wrong-key", llm_base_url=url)

    assert done.assessment.outcome is Outcome.CONCLUDED
    assert done.assessment.engine == "playbook"
    assert any("GCM_SENTINEL_API_KEY" in note for note in done.assessment.notes)
    assert "canary-wrong-key" not in repr(done)


async def test_an_unknown_node_is_an_error_that_names_it(lost_gpu):
    async with open_agent(settings_for(lost_gpu, lost_gpu.world, "playbook")) as agent:
        with pytest.raises(NotFound, match="no node 'gpu-nowhere'"):
            await investigate(agent, Request("gpu-nowhere"), publish=False)


@pytest.fixture
def nowhere(tmp_path):
    """Settings under which nothing answers."""
    file = tmp_path / "kubeconfig"
    cluster = "{name: c, cluster: {server: 'http://127.0.0.1:1'}}"
    file.write_text(
        f"apiVersion: v1\nkind: Config\nclusters: [{cluster}]\ncurrent-context: c\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: t}}]\n"
    )
    dead = "http://127.0.0.1:1"
    return load({"kubeconfig": file, "prometheus_url": dead, "alertmanager_url": dead, "llm_api": "playbook"})


async def test_with_everything_down_the_doctor_still_reports(nowhere):
    async with open_agent(nowhere) as agent:
        findings = await examine(agent)

    assert not healthy(findings)
    assert {"cluster", "engine", "source", "rbac"} == {item.area for item in findings}
    assert "127.0.0.1:1" in findings[0].detail


async def test_with_everything_down_an_investigation_says_so_and_claims_nothing(nowhere):
    async with open_agent(nowhere) as agent:
        closed = await investigate(agent, Request("gpu-1", "GpuXid"), publish=False)

    assert closed.investigation.assessment.outcome is Outcome.INCONCLUSIVE
    assert closed.investigation.assessment.draft.claims == ()
    assert "the node's conditions could not be read" in closed.publication.incident.lead.message


@pytest.fixture
def doctor(lost_gpu, capsys):
    """`doctor` in a healthy cluster: its exit code, what it says of the store and of the history."""

    async def run(**changes):
        settings = settings_for(lost_gpu, lost_gpu.world, "playbook")
        code = await doctor_command(load({**settings.model_dump(exclude_defaults=True), **changes}), output="json")
        by_name = {(item["area"], item["name"]): item for item in json.loads(capsys.readouterr().out)["findings"]}
        (store,) = [item for (area, _), item in by_name.items() if area == "store"]
        return code, store, by_name["source", "history"]

    configure("ERROR")
    yield run
    structlog.reset_defaults()


async def test_the_doctor_fails_for_a_state_folder_that_cannot_be_made(doctor, tmp_path):
    (tmp_path / "file").touch()

    code, store, history = await doctor(state_dir=tmp_path / "file" / "state")

    assert (code, store["ok"], store["required"], history["ok"]) == (1, False, True, False)
    assert str(tmp_path / "file" / "state") in store["detail"]
    assert "GCM_SENTINEL_STATE_DIR" in store["remedy"]


async def test_the_doctor_fails_for_a_database_that_cannot_be_used(doctor):
    code, store, _ = await doctor(database_url="postgresql://u:canary@127.0.0.1:1/x")

    assert (code, store["ok"], store["required"]) == (1, False, True)
    assert "GCM_SENTINEL_DATABASE_URL" in store["remedy"]
    assert "canary" not in repr(store)


async def test_the_doctor_fails_for_a_gateway_that_is_configured_and_does_not_know_us(doctor):
    async with running(GatewayDouble()) as double:
        double.fail["QueryFleetHealth"] = (grpc.StatusCode.UNAUTHENTICATED, "nobody we know")

        code, _, _ = await doctor(sentinel_endpoint=double.endpoint, sentinel_plaintext=True)

    assert code == 1


async def test_the_doctor_fails_for_a_source_that_is_configured_and_away(doctor):
    code, _, _ = await doctor(alertmanager_url="http://127.0.0.1:1")

    assert code == 1


async def test_a_taken_port_is_refused_before_the_agent_says_that_it_started(lost_gpu, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as logs:
        port = taken.getsockname()[1]
        settings = settings_for(lost_gpu, lost_gpu.world, "playbook").model_dump(exclude_defaults=True)

        with pytest.raises(BadConfiguration, match=f"GCM_SENTINEL_HTTP_PORT={port}"):
            await serve_agent(load({**settings, "state_dir": tmp_path / "state", "http_port": port}))

    assert "agent.started" not in {line["event"] for line in logs}


async def test_the_doctor_makes_no_store_where_none_is(doctor, tmp_path):
    code, store, history = await doctor(state_dir=tmp_path / "new" / "state")

    assert (code, store["ok"], history["ok"]) == (0, True, True)
    assert "will be made" in store["detail"]
    assert list(tmp_path.iterdir()) == []


async def test_the_doctor_reads_the_history_beside_a_running_serve(doctor, tmp_path):
    with StateLock(tmp_path / "lock"):
        async with open_stores(f"sqlite:///{tmp_path / DATABASE_FILE}", SystemClock()):
            code, store, history = await doctor(state_dir=tmp_path)

    assert (code, store["detail"]) == (0, str(tmp_path / DATABASE_FILE))
    assert history["ok"]


class BrokenSource:
    """A data source of a third party, with a bug."""

    name = "slurm"

    async def is_available(self):
        raise KeyError("partition")

    def get_tools(self):
        return ()

    def get_system_prompt_section(self):
        raise RuntimeError("no template")

    async def execute(self, call, scope):
        raise NotImplementedError


async def test_a_source_that_crashes_costs_the_doctor_one_line(nowhere):
    async with open_agent(nowhere) as agent:
        findings = await examine(replace(agent, sources=(BrokenSource(),)))

    (line,) = [item for item in findings if item.name == "slurm"]
    assert not line.ok
    assert "KeyError" in line.detail


async def test_a_plugin_that_breaks_at_start_is_left_out_and_named(nowhere, monkeypatch):
    point = SimpleNamespace(name="slurm", value="site.slurm:build", load=lambda: lambda _context: BrokenSource())
    monkeypatch.setattr(plugins, "registered", lambda: (point,))

    async with open_agent(nowhere) as agent:
        assert agent.sources == ()
        assert agent.broken_sources == ("slurm (site.slurm:build): RuntimeError: no template",)


async def test_a_condition_asked_for_by_name_is_taken_from_the_node(lost_gpu):
    node = lost_gpu.world.trigger.node
    async with open_agent(settings_for(lost_gpu, lost_gpu.world, "playbook")) as agent:
        real = await incident_for(agent, Request(node, "GpuCount"))
        none = await incident_for(agent, Request(node, "GpuThrottle"))

    assert real.lead.source == "kubernetes"
    assert real.lead.transition_at is not None
    assert none.lead.message.endswith("the node reports no bad GpuThrottle")


async def test_a_simulated_incident_never_reaches_the_operators_webhook(lost_gpu, monkeypatch):
    monkeypatch.setenv("GCM_SENTINEL_WEBHOOK_URL", "https://pager.example/hook")

    settings = settings_for(lost_gpu, lost_gpu.world, "playbook")

    assert settings.webhook_url.get_secret_value() == ""


async def test_a_case_that_crashes_costs_eval_that_case_only(ours, monkeypatch):
    monkeypatch.setattr(eval_case, "play", _crash)

    result = await eval_case.run_case(Case(ours("off-bus-riser"), 1), eval_case.Manner("playbook"), launch=None)

    assert result.error == "KeyError: 'a bug'"
    assert not result.passed


async def _crash(*_arguments, **_options):
    raise KeyError("a bug")


def test_an_invalid_scenario_names_file_place_and_value(tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "scenario.yaml").write_text("schema: gcm-sentinel/scenario/v1\nid: broken\nfacts: [{dance: {}}]\n")

    with pytest.raises(BadConfiguration, match="broken/scenario.yaml"):
        find_scenarios(tmp_path)


def test_an_unknown_scenario_is_answered_with_those_that_exist(tmp_path):
    with pytest.raises(BadConfiguration, match="no scenarios under"):
        find_scenarios(tmp_path)


def _provider(handler):
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def served():
        app = web.Application()
        app.router.add_post("/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    return served()
