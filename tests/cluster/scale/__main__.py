"""What watching a large real cluster takes: `.venv/bin/python -m tests.cluster.scale --nodes 1000 --changes 60`.

Starts a control plane, makes the nodes, starts `gcm-sentinel serve` in a process of its own, lets it idle, and then
breaks one node a second, of which it investigates the first. Everything runs on one machine, so the servers pay for
the agent and the agent for them. For 5,000 nodes kwok takes minutes to make the leases on
two cores; with `--still` neither it nor controllers run. Needs what `make cluster-tools` builds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import control_plane
from tests.cluster.scale.agent import RunningAgent, resident_mib, serving_agent
from tests.cluster.scale.fleet import break_one, chosen, node_names, put_nodes
from tests.cluster.servers import until

from gcm_sentinel.evals.bench.figure import Figure

_IDLE_S = 30.0
_ALIVE_WITHIN_S = 300.0
_STORED_WITHIN_S = 60.0


def main() -> None:
    """Measure at the size that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=60)
    parser.add_argument("--per-second", type=float, default=1.0)
    parser.add_argument("--still", action="store_true", help="without kwok and controllers")
    asked = parser.parse_args()
    names = node_names(asked.nodes)
    changing = chosen(names, asked.changes)
    with (
        tempfile.TemporaryDirectory(prefix="scale-") as folder,
        control_plane(Path(folder), controllers=not asked.still) as cluster,
    ):
        asyncio.run(put_nodes(cluster, names))
        if not asked.still:
            until(lambda: _alive(cluster) >= len(names), _ALIVE_WITHIN_S, "kwok keeps the nodes alive")
        place = Path(folder) / "agent"
        place.mkdir()
        with serving_agent(cluster.kubeconfig, place, changing[:1]) as agent:
            _idle(agent)
            _changes(cluster, agent, changing, asked.per_second)
            _memory(cluster, agent)


def _alive(cluster: Cluster) -> int:
    """How many nodes have a lease."""
    leases = cluster.admin.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", limit="1")
    metadata = leases["metadata"]
    return len(leases["items"]) + int(metadata.get("remainingItemCount", 0))


def _idle(agent: RunningAgent) -> None:
    listed_s = agent.said("watch.listed")[0].at - agent.said("agent.started")[0].at
    _print(Figure("list and compare all nodes", listed_s, "s", "-"))
    _print(Figure("agent: memory once they are listed", agent.resident_mib, "MiB", "-"))
    before = agent.processor_s
    time.sleep(_IDLE_S)
    _print(
        Figure("agent: processor time while nothing changes", (agent.processor_s - before) / _IDLE_S * 100, "%", "-")
    )


def _changes(cluster: Cluster, agent: RunningAgent, nodes: Sequence[str], per_second: float) -> None:
    before, begun = agent.processor_s, time.monotonic()
    changed = {}
    for number, name in enumerate(nodes):
        time.sleep(max(0.0, begun + number / per_second - time.monotonic()))
        changed[name] = break_one(cluster, name)
    until(lambda: len(agent.said("triggers.stored")) >= len(nodes), _STORED_WITHIN_S, "all changes are stored")
    took_s = time.monotonic() - begun
    stored = {one.fields["lead"]: one.at for one in agent.said("triggers.stored")}
    latencies_ms = sorted((stored[name] - at) * 1000 for name, at in changed.items())
    _print(Figure("node changed -> trigger stored, median", statistics.median(latencies_ms), "ms", "-"))
    _print(Figure("node changed -> trigger stored, P99", latencies_ms[int(len(latencies_ms) * 0.99)], "ms", "< 150"))
    _print(Figure("agent: processor time meanwhile", (agent.processor_s - before) / took_s * 100, "%", "-"))
    _incident(agent, changed[nodes[0]])


def _incident(agent: RunningAgent, changed_at: float) -> None:
    """The one node that is investigated."""
    until(lambda: bool(agent.said("investigation.ended")), _STORED_WITHIN_S, "one node is investigated")
    opened, ended = agent.said("incident.opened")[0].at, agent.said("investigation.ended")[0].at
    _print(Figure("node changed -> incident opened, 2 s of settling", opened - changed_at, "s", "-"))
    _print(Figure("incident opened -> investigated", ended - opened, "s", "-"))


def _memory(cluster: Cluster, agent: RunningAgent) -> None:
    _print(Figure("agent: memory at the end", agent.resident_mib, "MiB", "< 1024"))
    for name, pid in cluster_processes(cluster).items():
        _print(Figure(f"{name}: memory", resident_mib(pid), "MiB", "-"))


def cluster_processes(cluster: Cluster) -> dict[str, int]:
    """The process ids of a cluster's own programs, by name: those that were started in its folder."""
    folder = str(cluster.ca.parent)
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().split(b"\0")
        if any(folder in word.decode(errors="replace") for word in words) and b"/.cache/cluster/bin/" in words[0]:
            found[Path(words[0].decode()).name] = int(path.parent.name)
    return dict(sorted(found.items()))


def _print(figure: Figure) -> None:
    sys.stdout.write(f"{figure.line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
