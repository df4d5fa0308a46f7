"""A real Prometheus on a free loopback port that holds written-down samples, in blocks that promtool makes of them."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
from tests.cluster.servers import Server, free_ports, program

Series = tuple[Mapping[str, str], Sequence[tuple[float, float]]]
"""Labels, ``__name__`` among them, and samples as (epoch seconds, value)."""
_BLOCKS_WITHIN_S = 60
_START_WITHIN_S = 120
_CONFIG = "global: {scrape_interval: 30s}\n"


def openmetrics(series: Iterable[Series]) -> str:
    """The samples as OpenMetrics text, which keeps a metric's series together."""
    lines: dict[str, list[str]] = defaultdict(list)
    for labels, samples in series:
        told = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
        name = labels["__name__"]
        lines[name] += [f"{name}{{{told}}} {value!r} {moment:.3f}" for moment, value in samples]
    return "\n".join([line for name in sorted(lines) for line in lines[name]] + ["# EOF\n"])


@contextmanager
def prometheus(folder: Path, series: Iterable[Series]) -> Iterator[str]:
    """The URL of a server that holds the series; it scrapes nothing and forgets nothing."""
    text, data = folder / "samples.txt", folder / "data"
    text.write_text(openmetrics(series), encoding="utf-8")
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_BLOCKS_WITHIN_S, check=False)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stderr
    (folder / "prometheus.yaml").write_text(_CONFIG, encoding="utf-8")
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    arguments = [f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={data}"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y"]
    server = Server("prometheus", arguments, folder)
    try:
        server.wait(lambda: _ready(url), _START_WITHIN_S)
        yield url
    finally:
        server.stop()


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready", timeout=2, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False
