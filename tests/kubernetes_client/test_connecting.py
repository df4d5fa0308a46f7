"""Where credentials come from, and one clear line when there are none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import certifi
import pytest
from kubernetes.aio.config import incluster_config

from gcm_sentinel.clients.kubernetes import KubernetesClient, connect
from gcm_sentinel.clients.kubernetes.connect import open_api
from gcm_sentinel.domain.errors import BadConfiguration, Forbidden


async def test_a_kubeconfig_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadConfiguration, match=r"nowhere.* does not exist.*KUBECONFIG"):
        await KubernetesClient.connect(kubeconfig=tmp_path / "nowhere")


async def test_no_credentials_anywhere_says_what_to_do(tmp_path):
    with pytest.raises(BadConfiguration, match="no Kubernetes credentials.*--kubeconfig"):
        await open_api(kubeconfig=None, context=None, environ={"HOME": str(tmp_path)})


@pytest.mark.parametrize("content", ["{", "just text", "a: [1", "apiVersion: v1\nclusters: 3\ncurrent-context: x\n"])
async def test_a_broken_kubeconfig_is_named(tmp_path, content):
    path = tmp_path / "broken"
    path.write_text(content)

    with pytest.raises(BadConfiguration, match="broken"):
        await KubernetesClient.connect(kubeconfig=path)


async def test_an_unknown_context_is_named(kubeconfig, tmp_path):
    path = kubeconfig(tmp_path / "config", "https://127.0.0.1:1")

    with pytest.raises(BadConfiguration, match="context 'elsewhere'"):
        await KubernetesClient.connect(kubeconfig=path, context="elsewhere")


async def test_the_kubeconfig_variable_is_honoured(kubeconfig, tmp_path):
    path = kubeconfig(tmp_path / "config", "http://127.0.0.1:18080")

    api = await open_api(kubeconfig=None, context=None, environ={"KUBECONFIG": str(path)})

    assert api.configuration.host == "http://127.0.0.1:18080"


async def test_an_exec_plugin_gives_the_token(api, kubeconfig, tmp_path):
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "fresh"},
    }
    script = f"import json; print({json.dumps(json.dumps(credential))})"
    plugin = {"apiVersion": credential["apiVersion"], "command": sys.executable, "args": ["-c", script]}
    path = kubeconfig(tmp_path / "exec", api.url, {"exec": plugin})
    api.always(200, {})

    client = await KubernetesClient.connect(kubeconfig=path)
    await client.get("/version")

    assert api.requests[0].headers["Authorization"] == "Bearer fresh"
    assert client.server == api.url
    await client.aclose()


async def test_an_exec_plugin_that_fails_is_named(kubeconfig, tmp_path):
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", "exit(3)"]}
    path = kubeconfig(tmp_path / "exec", "http://127.0.0.1:1", {"exec": plugin})

    with pytest.raises(BadConfiguration, match="exec plugin of user 'u'"):
        await KubernetesClient.connect(kubeconfig=path)


async def test_in_a_pod_the_service_account_is_used(tmp_path, monkeypatch):
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("pod-token")
    authority.write_text(certifi.contents())
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)

    api = await open_api(kubeconfig=None, context=None)

    assert api.configuration.host == "https://10.96.0.1:443"
    assert api.configuration.api_key["BearerToken"] == "bearer pod-token"


async def test_a_token_file_that_changed_is_read_again(api, kubeconfig, tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("old")
    path = kubeconfig(tmp_path / "config", api.url, {"tokenFile": str(token)})
    api.always(200, {})
    client = await KubernetesClient.connect(kubeconfig=path)
    await client.get("/version")

    token.write_text("new")
    monkeypatch.setattr(connect, "_RELOAD_AFTER_S", 0.0)
    await client.get("/version")

    assert [request.headers["Authorization"] for request in api.requests] == ["Bearer old", "Bearer new"]
    await client.aclose()


async def test_a_wrong_token_is_forbidden(api, client):
    api.always(401, {"kind": "Status", "message": "Unauthorized"})

    with pytest.raises(Forbidden, match="Unauthorized"):
        await client.get("/api/v1/nodes")


def test_importing_the_client_does_not_import_the_vendor():
    code = "import sys, gcm_sentinel.clients.kubernetes; sys.exit('kubernetes' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=Path.cwd(), check=False)  # noqa: S603 - our own interpreter

    assert done.returncode == 0
