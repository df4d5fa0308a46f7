"""What a kubelet makes of a Pod before it starts its container: the variables, and every volume as a folder of files.

Everything comes from what the API server holds at that moment: the Pod as its controller and the admission plugins
left it (the volume with the ServiceAccount's token is of their making), the ConfigMaps and Secrets it names, and a
token that is asked for the way a kubelet asks, bound to this Pod. What a Pod of the chart never says is not understood
here, and is an error rather than left out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.cluster import Cluster

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of ours and where the container sees it."""

    source: Path
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """A container that can be started."""

    command: tuple[str, ...]
    variables: dict[str, str]
    mounts: tuple[Mount, ...]
    read_only_root: bool


class PodOnNode:
    """One Pod of one container, as the kubelet of its node sees it."""

    def __init__(self, cluster: Cluster, pod: Object) -> None:
        """`pod` is bound to a node."""
        self._cluster = cluster
        self._pod = pod
        (self.container,) = pod["spec"]["containers"]
        self.namespace: str = pod["metadata"]["namespace"]
        self.name: str = pod["metadata"]["name"]

    @property
    def user(self) -> str:
        """As whom the container asks the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    @property
    def account(self) -> str:
        """Its ServiceAccount."""
        return str(self._pod["spec"]["serviceAccountName"])

    def prepare(self, folder: Path) -> Ready:
        """Make its volumes below `folder`."""
        volumes = {volume["name"]: self._volume(volume, folder) for volume in self._pod["spec"]["volumes"]}
        mounts = tuple(
            Mount(volumes[mount["name"]], mount["mountPath"], mount.get("readOnly", False))
            for mount in self.container["volumeMounts"]
        )
        command = (*self.container["command"], *self.container["args"])
        confined = self.container["securityContext"]["readOnlyRootFilesystem"]
        return Ready(command, dict(self._variables()), mounts, confined)

    def port(self, name: str) -> int:
        """The number of a port that has a name."""
        (found,) = (port["containerPort"] for port in self.container["ports"] if port["name"] == name)
        return int(found)

    def _variables(self) -> Iterator[tuple[str, str]]:
        """Later ones go over earlier ones: what is named goes over what comes as a whole."""
        for source in self.container.get("envFrom", ()):
            ((kind, reference),) = ((key, value) for key, value in source.items() if key != "prefix")
            read = self._config_map if kind == "configMapRef" else self._secret
            yield from ((key, value.decode()) for key, value in read(reference["name"]).items())
        for variable in self.container["env"]:
            yield variable["name"], variable["value"] if "value" in variable else self._value(variable["valueFrom"])

    def _value(self, source: Object) -> str:
        ((kind, wanted),) = source.items()
        if kind == "fieldRef":
            return self._field(wanted["fieldPath"])
        read = {"secretKeyRef": self._secret, "configMapKeyRef": self._config_map}[kind]
        return read(wanted["name"])[wanted["key"]].decode()

    def _field(self, path: str) -> str:
        """A field of the Pod, as the downward API gives it."""
        found: Any = self._pod
        for part in path.split("."):
            found = found[part]
        return str(found)

    def _volume(self, volume: Object, folder: Path) -> Path:
        place = folder / str(volume["name"])
        place.mkdir()
        ((kind, source),) = ((key, value) for key, value in volume.items() if key != "name")
        if kind == "emptyDir":
            return place
        for one in source["sources"] if kind == "projected" else [{kind: source}]:
            self._project(one, place)
        return place

    def _project(self, source: Object, place: Path) -> None:
        """Write the files of one source of a volume."""
        ((kind, wanted),) = source.items()
        if kind == "serviceAccountToken":
            (place / wanted["path"]).write_text(self._token(wanted))
        elif kind == "downwardAPI":
            for item in wanted["items"]:
                (place / item["path"]).write_text(self._field(item["fieldRef"]["fieldPath"]))
        else:
            name = wanted.get("name") or wanted["secretName"]
            files = {"configMap": self._config_map, "secret": self._secret}[kind](name)
            for key, path in {item["key"]: item["path"] for item in wanted.get("items", ())}.items() or zip(
                files, files, strict=True
            ):
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_bytes(files[key])

    def _token(self, wanted: Object) -> str:
        """A token that is good for as long as this Pod is there."""
        bound = {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self._pod["metadata"]["uid"]}
        spec = {"expirationSeconds": wanted["expirationSeconds"], "boundObjectRef": bound}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account}/token"
        answer = self._cluster.admin.ask("POST", path, body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["status"]["token"])

    def _config_map(self, name: str) -> dict[str, bytes]:
        found = self._cluster.admin.get(f"/api/v1/namespaces/{self.namespace}/configmaps/{name}")
        return {key: value.encode() for key, value in found.get("data", {}).items()}

    def _secret(self, name: str) -> dict[str, bytes]:
        found = self._cluster.admin.get(f"/api/v1/namespaces/{self.namespace}/secrets/{name}")
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}
