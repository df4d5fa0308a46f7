"""`helm template` as a function: the objects that values make, by kind and name. Needs Helm and no cluster."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.servers import program

CHART = Path(__file__).resolve().parents[3] / "charts" / "gcm-sentinel"
CI = tuple(sorted((CHART / "ci").glob("*-values.yaml")))
ON_NODES = tuple(path for path in CI if path.name == "node-values.yaml")
"""Those that run what needs more of a node than confined pods may have."""
NAME = "gcm-sentinel-gcm-sentinel"
NAMESPACE = "monitoring"
_TIMEOUT_S = 60

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a render made."""

    objects: tuple[Object, ...]

    def of(self, kind: str) -> tuple[Object, ...]:
        """The objects of one kind."""
        return tuple(item for item in self.objects if item["kind"] == kind)

    def one(self, kind: str, name: str = NAME) -> Object:
        """The one object of that kind and name."""
        (found,) = (item for item in self.of(kind) if item["metadata"]["name"] == name)
        return found

    @property
    def kinds(self) -> set[tuple[str, str]]:
        """Kind and name of each object."""
        return {(item["kind"], item["metadata"]["name"]) for item in self.objects}

    @property
    def pod(self) -> Object:
        """The spec of the agent's pod."""
        return pod_of(self.one("Deployment"))

    @property
    def container(self) -> Object:
        """The agent's container."""
        (found,) = self.pod["containers"]
        return dict(found)

    @property
    def settings(self) -> dict[str, str]:
        """The variables that come from the ConfigMap."""
        return dict(self.one("ConfigMap")["data"])


def pod_of(item: Object) -> Object:
    """The pod spec of a Pod or of what makes pods."""
    return dict(item["spec"] if item["kind"] == "Pod" else item["spec"]["template"]["spec"])


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Helm with these arguments, whatever comes of it."""
    command = [program("helm"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603  our own program


def render(*arguments: str, values: Path | None = None) -> Rendered:
    """The chart with these arguments of `helm template`, such as ``--set a=b``."""
    files = ("--values", str(values)) if values else ()
    done = helm("template", "gcm-sentinel", str(CHART), "--namespace", NAMESPACE, *files, *arguments)
    assert done.returncode == 0, done.stderr
    found = yaml.load_all(done.stdout, Loader=yaml.CSafeLoader)
    return Rendered(tuple(item for item in found if item))


def refusal(*arguments: str) -> str:
    """Why Helm refuses to render these arguments."""
    done = helm("template", "gcm-sentinel", str(CHART), "--namespace", NAMESPACE, *arguments)
    assert done.returncode != 0, "it was rendered"
    return done.stderr
