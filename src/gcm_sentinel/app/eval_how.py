"""How a run is made: everything that makes its results what they are, so that two runs are told apart or made one.

Results files are given to others. So settings are told by digest: which of them differ can be seen, and not what they
hold; secrets and addresses are not even that. The prompt is digested as it is resolved, with the operator's own files;
the texts of our tools are in the digest of the code, those of other plugins in the version of their distribution.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from gcm_sentinel import __version__
from gcm_sentinel.app import plugins
from gcm_sentinel.app.eval_plan import FREE, EvalPlan, model_of
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.engine.prompts import system_text
from sentinel_fleet.scenario import Scenario

_CODE = ("gcm_sentinel", "gcm_sentinel.evals", "gcm_sentinel.prompts", "sentinel_fleet")
"""Packages that come into a result; two of them may stand elsewhere than in the first."""
_NO_CODE = frozenset({"__pycache__", "scenarios", "bench"})
_PLACES = ("_url", "_endpoint", "_address", "_server_name", "_cert", "_key", "_path", "_dir", "_file")
"""Endings of settings that say where something is; what matters of it has a digest of its own, or is the fleet's."""
_ELSEWHERE = frozenset({"kubeconfig", "kube_context", "replica_id", "http_port", "log_level", "llm_api"})
_PEOPLE = ("slack_", "pagerduty_")


def how(plan: EvalPlan, scenarios: Sequence[Scenario]) -> dict[str, Json]:
    """The description of a run of `scenarios`; two runs that differ in it cannot be made one.

    Raises:
        BadConfiguration: a prompt of the operator that cannot be read.
    """
    return {
        "version": __version__,
        "code": code_of(_folders()),
        "plugins": [f"{point.name} {point.value} {_version(point)}" for point in plugins.registered()],
        **asked(plan),
        "scenarios": {scenario.id: _digest(Path(scenario.file).read_bytes()) for scenario in scenarios},
    }


def asked(plan: EvalPlan) -> dict[str, Json]:
    """The part of it that whoever runs it has in hand.

    Raises:
        BadConfiguration: a prompt of the operator that cannot be read.
    """
    limits, ceilings = plan.settings.limits, plan.ceilings
    host = urlsplit(plan.settings.llm_base_url)
    return {
        "engine": plan.engine,
        "model": "" if plan.engine == FREE else model_of(plan.settings),
        "endpoint": f"{host.hostname}:{host.port}{host.path}" if plan.engine != FREE and host.hostname else "",
        "mode": str(plan.mode or ""),
        "seeds": plan.suite.seeds,
        "variants": plan.suite.variants,
        "without": [list(off) for off in plan.ablations],
        "max_tokens_per_case": limits.tokens if ceilings.case_tokens is None else ceilings.case_tokens,
        "max_cost_usd_per_case": limits.cost_usd if ceilings.case_usd is None else ceilings.case_usd,
        "max_turns_per_case": limits.rounds,
        "max_seconds_per_case": limits.wall.total_seconds(),
        "prompt": _prompt(plan),
        "settings": _settings(plan.settings),
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _version(point: EntryPoint) -> str:
    return point.dist.version if point.dist else ""


def _prompt(plan: EvalPlan) -> str:
    """Of the whole system text with a part for every source; what a source says of itself is in the code."""
    settings = plan.settings
    mode = plan.mode or settings.action_mode
    sections = {point.name: "" for point in plugins.registered()}
    return _digest(system_text(mode, sections, settings.prompts_dir, settings.system_prompt_path).encode())


def _settings(settings: Settings) -> dict[str, Json]:
    """Digests of those that are neither secrets nor addresses and are not as they are by default."""
    found: dict[str, Json] = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        left_out = name.endswith(_PLACES) or name.startswith(_PEOPLE) or name in _ELSEWHERE
        if not left_out and not isinstance(value, SecretStr) and value != field.get_default(call_default_factory=True):
            found[name] = _digest(json.dumps(value, sort_keys=True, default=str).encode())
    return found


def code_of(folders: Sequence[Path]) -> str:
    """A digest of every file in them that may come into a result."""
    whole = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not _NO_CODE & set(name.parts):
                whole.update(f"{name.as_posix()}\0".encode())
                whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:12]


def _folders() -> list[Path]:
    specs = filter(None, map(find_spec, _CODE))
    return [Path(folder).resolve() for spec in specs for folder in sorted(spec.submodule_search_locations or ())]
