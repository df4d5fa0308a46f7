"""The agent as a release of the chart makes it: installed by helm, its Pod started as a process on "its node".

`install` is what a person types and waits for; `Running` is the agent afterwards, with what the API server's audit log
says that its ServiceAccount did since. What it wrote can be told only once it has ended: `Running.ended` waits until it
has nothing more to do and stops it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx2
from tests.cluster.agent.container import Container
from tests.cluster.agent.pod import PodOnNode
from tests.cluster.audit import Request
from tests.cluster.cluster import Cluster
from tests.cluster.servers import program, until
from tests.cluster.things import gpu_node

Object = dict[str, Any]
_ROOT = Path(__file__).resolve().parents[3]
_WITHIN_S = 120
"""A step of an agent takes a second or two on two idle cores; a busy machine takes its time."""
_CHARTS_PORT = 8080
_ALONE_WITHIN_S = 240
"""Another agent has that port for as long as it takes to publish and to end."""
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_UNSETTLED = """
SELECT (SELECT count(*) FROM investigations WHERE ended_at IS NOT NULL) = 0
    OR EXISTS (SELECT 1 FROM investigations WHERE ended_at IS NULL)
    OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'owed')
    OR EXISTS (SELECT 1 FROM actions WHERE ended_at IS NULL)
"""
"""Whether the agent's own records still hold something to find out, to tell or to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """One agent at work."""

    cluster: Cluster
    pod: PodOnNode
    container: Container
    since: int
    """Where the audit log ended before it started."""
    state: Path
    """Its database."""

    def ended(self) -> Running:
        """The same agent, after it did all that it had to and was then asked to end: it asks for nothing any more.

        What it tells first is no sign that it is done: a delivery, another try or the way out may write as well.
        """
        self.until(self._is_settled, "nothing is left to investigate, to tell or to do")
        assert self.container.stop() == 0, self.container.ended
        until(lambda: all(one.code is not None for one in self.requests()), _WITHIN_S, "every answer is written down")
        return self

    def probe(self, which: str) -> httpx2.Response:
        """The answer to one of the Pod's probes, asked for as a kubelet asks."""
        wanted = self.pod.container[which]["httpGet"]
        port = self.pod.port(wanted["port"])
        return httpx2.get(f"http://127.0.0.1:{port}{wanted['path']}", timeout=5, trust_env=False)

    def requests(self) -> list[Request]:
        """Everything that it asked the API server for."""
        return self.cluster.audit.requests(self.pod.user, since=self.since, pod=self.pod.name)

    def writes(self) -> list[Request]:
        """What of it was to change something."""
        return [request for request in self.requests() if request.writes]

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait, as long as the agent lives."""
        until(lambda: bool(holds()), _WITHIN_S, what, broken=lambda: self.container.ended)

    def events(self, node: str) -> list[Object]:
        """What it published about a node."""
        chosen = f"reason=GCMSentinel,involvedObject.name={node}"
        return self.cluster.admin.items("/api/v1/namespaces/default/events", fieldSelector=chosen)

    def told(self, event: str) -> list[Object]:
        """Its log lines of one kind."""
        lines = [json.loads(line) for line in self.container.lines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def _is_settled(self) -> bool:
        with closing(sqlite3.connect(f"{self.state.as_uri()}?mode=ro", uri=True, timeout=_WITHIN_S)) as records:
            (unsettled,) = records.execute(_UNSETTLED).fetchone()
        return not unsettled

    def answers(self, which: str) -> bool:
        """Whether a probe is content by now."""
        try:
            return self.probe(which).status_code == 200
        except httpx2.TransportError:
            return False


@dataclass(frozen=True, slots=True)
class Release:
    """What is installed where."""

    name: str
    namespace: str
    arguments: tuple[str, ...]
    """Of ``helm install``, after the chart."""

    def helm(self, cluster: Cluster, verb: str, *arguments: str) -> None:
        """Run helm in the folder of the repository, as the administrator; it must not fail."""
        where = (f"--namespace={self.namespace}", f"--kubeconfig={cluster.kubeconfig}")
        command = [program("helm"), verb, self.name, *arguments, *where]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_WITHIN_S, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr


@contextmanager
def at_work(cluster: Cluster, release: Release, folder: Path, *, log: Path | None = None) -> Iterator[Running]:
    """An agent, installed and ready in a namespace that is there; nothing but that is left of it afterwards."""
    release.helm(cluster, "install", "./charts/gcm-sentinel", *release.arguments)
    with running(cluster, release.namespace, folder, log=log) as found:
        yield found
    release.helm(cluster, "uninstall")


@contextmanager
def running(cluster: Cluster, namespace: str, folder: Path, *, log: Path | None = None) -> Iterator[Running]:
    """The agent that was installed in `namespace`, ready; it has ended well afterwards."""
    since = cluster.audit.end()
    pod = PodOnNode(cluster, _bound_pod(cluster, namespace))
    api = urlsplit(cluster.url)
    service = {"KUBERNETES_SERVICE_HOST": str(api.hostname), "KUBERNETES_SERVICE_PORT": str(api.port)}
    own = {"HOSTNAME": pod.name, **service}
    with _alone_on(pod.port("http")):
        container = Container(pod.prepare(folder), folder, log or folder / "container.log", own)
        try:
            agent = Running(cluster, pod, container, since, folder / "state" / "gcm-sentinel.db")
            for probe in _PROBES:
                agent.until(lambda which=probe: agent.answers(which), f"its {probe} is answered")  # type: ignore[misc]
            yield agent
        finally:
            code = container.stop()
        assert code == 0, container.ended


def _bound_pod(cluster: Cluster, namespace: str) -> Object:
    path = f"/api/v1/namespaces/{namespace}/pods"

    def found() -> list[Object]:
        pods = cluster.admin.items(path, labelSelector="app=gcm-sentinel")
        return [pod for pod in pods if pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]]

    until(lambda: len(found()) == 1, _WITHIN_S, "one pod of the Deployment is bound to a node")
    return found()[0]


@contextmanager
def _alone_on(port: int) -> Iterator[None]:
    """One agent at a time on the chart's own port: Pods have addresses of their own, these processes do not.

    Any other port is one that was free. It is held for the life of one agent; each user has a lock of their own, for
    nobody may open another's.
    """
    if port != _CHARTS_PORT:
        yield
        return
    with (Path(tempfile.gettempdir()) / f"gcm-sentinel-tests-{os.getuid()}-port-{port}").open("w") as lock:
        until(lambda: _locked(lock), _ALONE_WITHIN_S, f"port {port} is left by another run's agent ({lock.name})")
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sick_node(cluster: Cluster, name: str, *conditions: Object) -> Object:
    """A node with GPUs, labelled as NVIDIA's operator labels it, so that agents stay away from it."""
    node = gpu_node(name, *conditions)
    node["metadata"]["labels"]["nvidia.com/gpu.present"] = "true"
    return _with_kubelet(cluster, node)


def plain_node(cluster: Cluster, name: str) -> Object:
    """A node without GPUs, where agents run."""
    return _with_kubelet(cluster, gpu_node(name, gpus=0))


def _with_kubelet(cluster: Cluster, node: Object) -> Object:
    """`node` with its kubelet where kwok listens."""
    node["status"]["addresses"] = [{"type": "InternalIP", "address": "127.0.0.1"}]
    node["status"]["daemonEndpoints"] = {"kubeletEndpoint": {"Port": cluster.kubelet.port}}
    return node
