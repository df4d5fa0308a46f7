"""The chart as files, for tests without Helm: its generator as a module, what templates say, what rules grant."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "gcm-sentinel"
TEMPLATES = "\n".join(path.read_text() for path in sorted((CHART / "templates").rglob("*.*")))
OWNERS = {
    ("apps", "replicasets", "get"),
    ("apps", "statefulsets", "get"),
    ("batch", "jobs", "get"),
    ("jobset.x-k8s.io", "jobsets", "get"),
    ("ray.io", "rayclusters", "get"),
}
"""Read by the `workloads` source, one object at a time; `doctor` asks for jobs alone."""


def generator() -> ModuleType:
    """charts/gcm-sentinel/generate.py, which is a script and in no package."""
    spec = importlib.util.spec_from_file_location("chart_generator", CHART / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the names in their annotations
    spec.loader.exec_module(module)
    return module


def defined(name: str) -> str:
    """The body of a named template."""
    found = re.search(
        rf'{{{{- define "{re.escape(name)}" -}}}}\n(.*?)\n{{{{- end }}}}\n(?=\n|\Z)', TEMPLATES, re.DOTALL
    )
    assert found is not None, name
    return found[1]


def granted(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """The single rights of RBAC rules: group, resource, verb."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
