"""From a changed node condition to the stored trigger: latency, memory and list time of watching a large fleet.

The API server runs in a process of its own and so does the agent's intake, so neither pays for the other. At the size
of the budget: `python -m gcm_sentinel.evals.bench.watching --nodes 50000 --changes 60 --per-second 1 --storm 5000`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcm_sentinel.evals.bench.figure import Figure

_FLEET = "gcm_sentinel.evals.bench.watched_fleet"
_AGENT = "gcm_sentinel.evals.bench.watching_agent"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is watched, and how much changes."""

    nodes: int = 5_000
    changes: int = 60
    per_second: float = 20.0
    storm: int = 500
    """Nodes that change at once at the end."""


def watching(size: Size | None = None) -> tuple[Figure, ...]:
    """Watch a fleet of `size` (small where not given), change it, and measure what storing the triggers took."""
    size = size or Size()
    with tempfile.TemporaryDirectory() as folder:
        told = _run(size, Path(folder))
    latencies_ms = [latency_s * 1000 for latency_s in told["latencies_s"]]
    of = f"{told['nodes']} nodes"
    return (
        Figure(f"watch {of}: list and compare all", told["list_s"], "s", "-"),
        Figure(f"watch {of}: change -> stored, P50", _quantile(latencies_ms, 0.50), "ms", "-"),
        Figure(f"watch {of}: change -> stored, P99", _quantile(latencies_ms, 0.99), "ms", "< 150"),
        Figure(f"watch {of}: memory at the end", told["rss_mib"], "MiB", "< 1024"),
        Figure(f"watch {of}: peak memory", told["peak_mib"], "MiB", "< 1024"),
        Figure(f"watch {of}: processor time in all", told["cpu_s"], "s", "-"),
        Figure(f"watch: {size.storm} changes at once -> all stored", told["storm_s"], "s", "-"),
        Figure(f"watch: transactions for {size.storm} changes at once", told["storm_batches"], "", "-"),
    )


def _run(size: Size, folder: Path) -> dict[str, Any]:
    kubeconfig, changes, storm = folder / "kubeconfig", str(size.changes), str(size.storm)
    with _started(_FLEET, str(kubeconfig), str(size.nodes), changes, str(size.per_second), storm) as fleet:
        _read(fleet)  # it serves
        with _started(_AGENT, str(kubeconfig), str(folder / "state.db"), changes, storm) as agent:
            _read(agent)  # it is synced
            _tell(fleet, "go")
            told: dict[str, Any] = json.loads(_read(agent))
        _tell(fleet, "done")
    return told


@contextmanager
def _started(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ours; killed where the body fails, so that nobody waits for it."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended with {process.wait()} before it was through")
    return line.strip()


def _tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    """Measure at the size that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=Size().nodes)
    parser.add_argument("--changes", type=int, default=Size().changes)
    parser.add_argument("--per-second", type=float, default=Size().per_second)
    parser.add_argument("--storm", type=int, default=Size().storm)
    for figure in watching(Size(**vars(parser.parse_args()))):
        print(figure.line)


if __name__ == "__main__":
    main()
