"""One world, seen alike through every protocol it is served over."""

import asyncio
import gc
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientOSError, ClientSession, ServerDisconnectedError

from sentinel_fleet.scenario import load
from sentinel_fleet.serve import Fleet, serve
from sentinel_fleet.world import World

REFUSED = (ServerDisconnectedError, ClientOSError)


async def get(http: ClientSession, url: str, **params: str) -> Any:
    async with http.get(url, params=params) as response:
        assert response.status == 200
        return await response.json()


async def query(http: ClientSession, fleet: Fleet, text: str) -> dict[str, float]:
    """Value by GPU index, or by node where there is no GPU."""
    body = await get(http, f"{fleet.prometheus_url}/api/v1/query", query=text)
    rows = body["data"]["result"]
    return {row["metric"].get("gpu", row["metric"].get("node", "")): float(row["value"][1]) for row in rows}


async def test_the_kubernetes_api_shows_the_trigger(http: ClientSession, fleet: Fleet) -> None:
    trigger = fleet.world.trigger

    node = await get(http, f"{fleet.kubernetes_url}/api/v1/nodes/{trigger.node}")

    [condition] = [one for one in node["status"]["conditions"] if one["type"] == trigger.condition]
    assert (condition["status"], condition["message"]) == ("True", "GPU count bad 7/8")


async def test_the_kubeconfig_leads_to_the_api(http: ClientSession, fleet: Fleet) -> None:
    config = yaml.safe_load(fleet.kubeconfig.read_text())

    server = config["clusters"][0]["cluster"]["server"]
    assert server == fleet.kubernetes_url
    assert len((await get(http, f"{server}/api/v1/nodes"))["items"]) == 6


async def test_prometheus_tells_a_stopped_series_from_a_silent_one(http: ClientSession, fleet: Fleet) -> None:
    scope = f'Hostname="{fleet.world.trigger.node}"'

    xids = await query(http, fleet, f"DCGM_FI_DEV_XID_ERRORS{{{scope}}} > 0")
    temperatures = await query(http, fleet, f"DCGM_FI_DEV_GPU_TEMP{{{scope}}}")

    [(gpu, xid)] = xids.items()
    assert xid == 79
    assert set(temperatures) == {str(index) for index in range(8)} - {gpu}


async def test_alertmanager_shows_the_alert(http: ClientSession, fleet: Fleet) -> None:
    alerts = await get(http, f"{fleet.alertmanager_url}/api/v2/alerts", filter='alertname="GpuXidError"')

    assert [one["labels"]["node"] for one in alerts] == [fleet.world.trigger.node]


async def pod_endpoint(http: ClientSession, fleet: Fleet, name: str, node: str) -> str:
    """Where the pod says its metrics are."""
    pods = await get(http, f"{fleet.kubernetes_url}/api/v1/pods", fieldSelector=f"spec.nodeName={node}")
    [pod] = [one for one in pods["items"] if one["metadata"]["labels"].get("app.kubernetes.io/name") == name]
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    [port] = [one["containerPort"] for one in ports if one.get("name") == "metrics"]
    return f"http://{pod['status']['podIP']}:{port}/metrics"


@pytest.mark.parametrize(("name", "metric"), [("dcgm-exporter", "DCGM_FI_DEV_FB_USED"), ("node-exporter", "node_load")])
async def test_a_pods_declared_port_leads_to_its_exporter(
    http: ClientSession, fleet: Fleet, name: str, metric: str
) -> None:
    async with http.get(await pod_endpoint(http, fleet, name, fleet.world.trigger.node)) as response:
        text = await response.text()

    assert f"# TYPE {metric}" in text


async def test_the_exporter_and_prometheus_agree(http: ClientSession, fleet: Fleet) -> None:
    node = fleet.world.trigger.node
    async with http.get(await pod_endpoint(http, fleet, "dcgm-exporter", node)) as response:
        lines = [line for line in (await response.text()).splitlines() if line.startswith("DCGM_FI_DEV_XID_ERRORS")]

    values = sorted(float(line.rpartition(" ")[2]) for line in lines)

    assert values == [0.0] * 7 + [79.0]
    assert all(f'Hostname="{node}"' in line and "instance" not in line for line in lines)


async def test_broken_exporters_are_broken_on_their_node_alone(http: ClientSession, fleet: Fleet) -> None:
    dark, mute = (str(fleet.world.names[name]) for name in ("dark", "mute"))

    with pytest.raises(REFUSED):
        await http.get(await pod_endpoint(http, fleet, "dcgm-exporter", dark))
    async with http.get(await pod_endpoint(http, fleet, "dcgm-exporter", mute)) as response:
        assert await response.text() == ""
    async with http.get(await pod_endpoint(http, fleet, "node-exporter", dark)) as response:
        assert response.status == 200


async def test_only_writes_are_in_the_request_log(http: ClientSession, fleet: Fleet) -> None:
    node = fleet.world.trigger.node
    await get(http, f"{fleet.kubernetes_url}/api/v1/nodes/{node}")
    headers = {"Content-Type": "application/merge-patch+json"}

    patch = http.patch(
        f"{fleet.kubernetes_url}/api/v1/nodes/{node}", data='{"spec":{"unschedulable":true}}', headers=headers
    )
    async with patch as response:
        assert response.status == 200

    assert [(one.method, one.path) for one in fleet.requests] == [("PATCH", f"/api/v1/nodes/{node}")]


async def test_describes_itself(fleet: Fleet) -> None:
    text = "\n".join(fleet.describe())

    assert fleet.prometheus_url in text
    assert f"--kubeconfig {fleet.kubeconfig} get nodes" in text


async def test_everything_is_gone_afterwards(world: World) -> None:
    before = asyncio.all_tasks()
    async with serve(world) as fleet, ClientSession() as http:
        await query(http, fleet, "up")
        watch = await http.get(f"{fleet.kubernetes_url}/api/v1/nodes?watch=true")
        assert watch.status == 200
    gc.collect()

    assert asyncio.all_tasks() == before
    assert not fleet.kubeconfig.exists()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(fleet.prometheus_url.rpartition(":")[2]))


async def test_stops_at_once_while_a_client_hangs(world: World) -> None:
    loop = asyncio.get_running_loop()
    async with ClientSession() as http:
        async with serve(world) as fleet:
            watch = await http.get(f"{fleet.kubernetes_url}/api/v1/pods?watch=true")
            assert watch.status == 200
            started = loop.time()

        assert loop.time() - started < 2.0


async def test_an_error_in_the_block_passes_unchanged(world: World) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with serve(world):
            raise KeyError("mine")


async def test_a_fleet_of_ninety_six_nodes_starts_at_once(tmp_path: Path) -> None:
    text = Path(__file__).with_name("world.yaml").read_text()
    file = tmp_path / "world.yaml"
    file.write_text(text.replace("racks: 2, nodes_per_rack: 3", "racks: 12, nodes_per_rack: 8"))
    world = load(file).realise(seed=1, anchor=time.time())

    started = time.process_time()
    async with serve(world) as fleet:
        took_s = time.process_time() - started

    assert len(fleet.world.fleet.nodes) == 96
    assert took_s < 1.0  # Ten times the budget of a quiet machine, to fail on nothing but a change of order.
