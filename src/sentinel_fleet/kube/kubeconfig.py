"""A kubeconfig that points ordinary clients at the simulated API server."""

from __future__ import annotations

from pathlib import Path

import yaml

_NAME = "sentinel-fleet"


def write_kubeconfig(url: str, path: Path, token: str | None = None) -> Path:
    """Write a kubeconfig with one context, current, readable by its owner only; the path is returned."""
    user: dict[str, str] = {"token": token} if token else {}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": {"server": url}}],
        "users": [{"name": _NAME, "user": user}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
        "current-context": _NAME,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path
