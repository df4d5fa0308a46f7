"""The exporters' text: the node whose address was called, without what Prometheus added, nothing that has ended."""

from typing import Any

import pytest
from aiohttp import ClientOSError, ClientSession, ServerDisconnectedError, web

from sentinel_fleet.prom import DCGM, NODE, ExporterSources, exporter_app
from sentinel_fleet.prom.exporters import exposition

NOW = 1_700_000_000.0
BASE = {"job": "dcgm-exporter", "instance": "127.64.0.1:9400", "Hostname": "gpu-1", "gpu": "0"}
HELD = {"exported_pod": "train-0", "exported_namespace": "team", "pod": "nvidia-dcgm-exporter-x", "namespace": "gpu-op"}


def now(value: float) -> list[tuple[float, float]]:
    return [(NOW - 40, -1.0), (NOW - 10, value)]


def test_prints_families_with_help_and_type(make_source: Any) -> None:
    source = make_source(
        ({**BASE, "__name__": "DCGM_FI_DEV_POWER_USAGE"}, now(74.293)),
        ({**BASE, "__name__": "DCGM_FI_DEV_GPU_TEMP"}, now(41.0)),
        types={"DCGM_FI_DEV_GPU_TEMP": ("gauge", "Temp\\C\nof GPU"), "DCGM_FI_DEV_POWER_USAGE": ("gauge", "Power")},
    )

    assert exposition(DCGM, source, "127.64.0.1", NOW) == (
        "# HELP DCGM_FI_DEV_GPU_TEMP Temp\\\\C\\nof GPU\n"
        "# TYPE DCGM_FI_DEV_GPU_TEMP gauge\n"
        'DCGM_FI_DEV_GPU_TEMP{Hostname="gpu-1",gpu="0"} 41\n'
        "# HELP DCGM_FI_DEV_POWER_USAGE Power\n"
        "# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n"
        'DCGM_FI_DEV_POWER_USAGE{Hostname="gpu-1",gpu="0"} 74.293000\n'
    )


def test_labels_are_the_exporters_own(make_source: Any) -> None:
    source = make_source(({**BASE, **HELD, "__name__": "T"}, now(1.0)))

    [line] = [line for line in exposition(DCGM, source, "127.64.0.1", NOW).splitlines() if line[0] != "#"]

    assert line == 'T{Hostname="gpu-1",gpu="0",pod="train-0",namespace="team"} 1'


def test_node_exporter_prints_no_node_and_large_numbers_as_go_does(make_source: Any) -> None:
    labels = {"__name__": "node_boot_time_seconds", "job": "node-exporter", "instance": "127.64.0.1:9100", "node": "n"}

    text = exposition(NODE, make_source((labels, now(1793234094.0))), "127.64.0.1", NOW)

    assert text.endswith("\nnode_boot_time_seconds 1.793234094e+09\n")


def test_label_values_are_escaped(make_source: Any) -> None:
    text = exposition(DCGM, make_source(({**BASE, "__name__": "T", "x": 'a"b\\c\nd'}, now(1.0))), "127.64.0.1", NOW)

    assert 'x="a\\"b\\\\c\\nd"' in text


def test_what_the_last_scrape_missed_is_not_shown(make_source: Any) -> None:
    source = make_source(
        ({**BASE, "__name__": "T", "gpu": "0"}, now(1.0)),
        ({**BASE, "__name__": "T", "gpu": "1"}, [(NOW - 34, 1.0)]),
        ({**BASE, "__name__": "T", "gpu": "2"}, [(NOW - 600, 1.0)]),
        ({**BASE, "__name__": "up"}, now(1.0)),
        ({**BASE, "__name__": "T", "gpu": "3", "instance": "127.64.0.2:9400"}, now(1.0)),
    )

    text = exposition(DCGM, source, "127.64.0.1", NOW)

    assert [line for line in text.splitlines() if line[0] != "#"] == ['T{Hostname="gpu-1",gpu="0"} 1']


@pytest.fixture
async def port(make_source: Any, faults: Any, serve_everywhere: Any) -> int:
    """A dcgm-exporter for gpu-1 at 127.64.0.1 and gpu-2 at 127.64.0.2."""
    series = [
        ({**BASE, "__name__": "T", "Hostname": f"gpu-{n}", "instance": f"127.64.0.{n}:9400"}, now(float(n)))
        for n in (1, 2)
    ]
    nodes = {"127.64.0.1": "gpu-1", "127.64.0.2": "gpu-2"}
    sources = ExporterSources(make_source(*series), faults, lambda: NOW, nodes.get)
    return int(await serve_everywhere(exporter_app(DCGM, sources)))


@pytest.fixture
async def serve_everywhere() -> Any:
    """Start an application on a free port of all addresses; the port."""
    runners = []

    async def start(app: web.Application) -> int:
        runner = web.AppRunner(app, shutdown_timeout=0.2)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", 0).start()
        return int(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_the_address_chooses_the_node(http: ClientSession, port: int) -> None:
    for n in (1, 2):
        async with http.get(f"http://127.64.0.{n}:{port}/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert f'T{{Hostname="gpu-{n}",gpu="0"}} {n}\n' in await response.text()


async def test_nobody_answers_at_other_addresses(http: ClientSession, port: int) -> None:
    with pytest.raises((ServerDisconnectedError, ClientOSError)):
        await http.get(f"http://127.64.0.3:{port}/metrics")


async def test_one_nodes_exporter_is_down(http: ClientSession, port: int, faults: Any) -> None:
    faults.broken["dcgm", "gpu-1"] = "refuse"

    with pytest.raises((ServerDisconnectedError, ClientOSError)):
        await http.get(f"http://127.64.0.1:{port}/metrics")
    async with http.get(f"http://127.64.0.2:{port}/metrics") as response:
        assert response.status == 200


async def test_an_exporter_without_gpus_prints_nothing(http: ClientSession, port: int, faults: Any) -> None:
    faults.broken["dcgm", "gpu-1"] = "empty"

    async with http.get(f"http://127.64.0.1:{port}/metrics") as response:
        assert (response.status, await response.text()) == (200, "")
