"""Finding credentials for a Kubernetes API server and opening the vendor's transport with them.

Called by `KubernetesClient.connect` only; the one module that imports the vendor at its top, hence imported late.
Credentials that expire (exec plugins, token files) are looked at again once a minute: the vendor does that by itself
only inside a pod.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes.aio import config as vendor_config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import incluster_config

from gcm_sentinel.domain.errors import BadConfiguration

USER_AGENT = "gcm-sentinel"
_RELOAD_AFTER_S = 60.0
_HOW = "give --kubeconfig, set KUBECONFIG, or run in a pod with a service account"


async def open_api(
    *, kubeconfig: Path | None, context: str | None, environ: Mapping[str, str] = os.environ
) -> ApiClient:
    """A transport with credentials; nothing is sent yet.

    Raises:
        BadConfiguration: there are no credentials or they cannot be used.
    """
    configuration = Configuration()
    path = _kubeconfig(kubeconfig, environ)
    if path is None:
        _from_service_account(configuration)
    else:
        await _from_kubeconfig(configuration, path, context)
    if _is_loopback(configuration.host):
        configuration.client_session_kwargs = {"trust_env": False}  # no proxy can reach our own loopback
    try:
        api = ApiClient(configuration)
    except (OSError, ValueError) as error:
        raise BadConfiguration(f"the TLS files for {configuration.host} cannot be used: {error}") from error
    api.user_agent = USER_AGENT
    return api


def _kubeconfig(given: Path | None, environ: Mapping[str, str]) -> str | None:
    """The kubeconfig to use (as the vendor takes it: paths joined by ``:``), None for the service account."""
    if given is not None:
        if not given.is_file():
            raise BadConfiguration(f"kubeconfig {str(given)!r} does not exist or is not a file; {_HOW}")
        return str(given)
    if environ.get("KUBECONFIG"):
        paths = [part for part in environ["KUBECONFIG"].split(os.pathsep) if part]
        if not any(Path(part).expanduser().is_file() for part in paths):
            raise BadConfiguration(f"KUBECONFIG names {environ['KUBECONFIG']!r}, which does not exist; {_HOW}")
        return environ["KUBECONFIG"]
    if environ.get(incluster_config.SERVICE_HOST_ENV_NAME) and Path(incluster_config.SERVICE_TOKEN_FILENAME).is_file():
        return None
    home = Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config"
    if not home.is_file():
        raise BadConfiguration(f"no Kubernetes credentials: {str(home)!r} does not exist; {_HOW}")
    return str(home)


def _from_service_account(configuration: Configuration) -> None:
    try:
        load: Any = vendor_config.load_incluster_config  # not typed by the vendor
        load(client_configuration=configuration)
    except (vendor_config.ConfigException, OSError) as error:
        raise BadConfiguration(f"the pod's service account cannot be used: {error}") from error


async def _from_kubeconfig(configuration: Configuration, path: str, context: str | None) -> None:
    try:
        load: Any = vendor_config.load_kube_config  # not typed by the vendor
        loader = await load(config_file=path, context=context, client_configuration=configuration, persist_config=False)
    except (vendor_config.ConfigException, OSError, ValueError, TypeError, yaml.YAMLError, LookupError) as error:
        named = f", context {context!r}" if context else ""
        raise BadConfiguration(f"kubeconfig {path!r}{named} cannot be used: {' '.join(str(error).split())}") from error
    if not urlsplit(configuration.host).hostname:
        raise BadConfiguration(f"kubeconfig {path!r} names no usable server: {configuration.host!r}")
    user = loader.current_context.get("context", {}).get("user")
    if _has_plugin(loader) and not (configuration.api_key or configuration.cert_file):
        raise BadConfiguration(
            f"the exec plugin of user {user!r} in kubeconfig {path!r} gave no credentials; run it by hand"
        )
    loaded_at = time.monotonic()

    async def reload(target: Configuration) -> None:
        nonlocal loaded_at
        if time.monotonic() - loaded_at < _RELOAD_AFTER_S:
            return
        loaded_at = time.monotonic()
        await loader.load_and_set(target)

    setattr(configuration, "refresh_api_key_hook", reload)  # noqa: B010 - the vendor types it as always None


def _has_plugin(loader: object) -> bool:
    user = getattr(loader, "_user", None)
    return user is not None and "exec" in user


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
