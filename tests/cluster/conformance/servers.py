"""A real Prometheus that takes remote writes, and a real Alertmanager that was sent alerts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.cluster.servers import Server, free_ports, until

_START_WITHIN_S = 120
_ALERTMANAGER = "route: {receiver: oncall, group_wait: 1h}\nreceivers: [{name: oncall}]\n"


@contextmanager
def receiving_prometheus(folder: Path) -> Iterator[str]:
    """The URL of an empty server that is told its samples; it scrapes nothing and forgets nothing."""
    (folder / "prometheus.yaml").write_text("global: {scrape_interval: 30s}\n", encoding="utf-8")
    port = free_ports(1)[0]
    arguments = [f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'samples'}"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y"]
    server = Server("prometheus", [*arguments, "--web.enable-remote-write-receiver"], folder)
    with _running(server, f"http://127.0.0.1:{port}"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def alertmanager(folder: Path, alerts: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The URL of a server at which these alerts fire."""
    (folder / "alertmanager.yaml").write_text(_ALERTMANAGER, encoding="utf-8")
    port, gossip = free_ports(2)
    url = f"http://127.0.0.1:{port}"
    arguments = [f"--config.file={folder / 'alertmanager.yaml'}", f"--storage.path={folder / 'alerts'}"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}", f"--cluster.listen-address=127.0.0.1:{gossip}"]
    server = Server("alertmanager", [*arguments, "--cluster.advertise-address=127.0.0.1:1"], folder)
    with _running(server, url), httpx2.Client(base_url=url, trust_env=False) as http:
        if alerts:
            assert http.post("/api/v2/alerts", json=alerts).status_code == 200
        until(lambda: len(http.get("/api/v2/alerts").json()) == len(alerts), _START_WITHIN_S, "the alerts are there")
        yield url


@contextmanager
def _running(server: Server, url: str) -> Iterator[None]:
    try:
        server.wait(lambda: _ready(url), _START_WITHIN_S)
        yield
    finally:
        server.stop()


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready", timeout=2, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False
