"""The predicates, grouped by source. `REGISTRY` names them all; hypotheses refer to them as ``name(arg, arg)``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from gcm_sentinel.llm.playbook.finding import UNKNOWN, Finding, Predicate
from gcm_sentinel.llm.playbook.findings import (
    corruption,
    cross,
    history,
    host,
    kernel,
    kernel_records,
    kubernetes,
    ledger,
    logs,
    metrics,
    moved,
    node_probes,
    notices,
    probes,
    thermal_power,
    topology,
    workloads,
)
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.malformed import safely
from gcm_sentinel.llm.playbook.observations import Observations

_MODULES = (
    kernel, kernel_records, metrics, thermal_power, kubernetes, workloads, topology, logs, host, cross, history, probes,
    corruption, ledger, moved, node_probes, notices,
)  # fmt: skip
_KEY = re.compile(r"^(?P<name>[a-z_][a-z0-9_]*)(?:\((?P<args>[^()]*)\))?$")

REGISTRY: Mapping[str, Predicate] = MappingProxyType({
    item.name: item for module in _MODULES for item in vars(module).values() if isinstance(item, Predicate)
})  # fmt: skip
"""Every predicate by name."""


_PAST = frozenset(name for name, item in vars(history).items() if isinstance(item, Predicate))
_CIRCUMSTANCES = frozenset(
    {name for name, item in vars(topology).items() if isinstance(item, Predicate)}
    | _PAST
    | {"follows_workload", "said", "names_gpu", "work_running", "gang", "gpus_idle", "gpus_live", "well_now"}
    | {"spread", "set_apart_by", "fails_alone", "probes_pass", "chain_holds", "gpus_full", "agents_rolled_out"}
    | {"suspected_before", "model_changed", "same_on_all_ranks", "anomalies_widespread"}
    | {"nothing_logged", "trigger_recovered", "held_by_person", "capped_alike", "rebooted", "not_ready", "pod_failed"}
)


def circumstantial(key: str) -> bool:
    """Whether a finding only tells how things stand or spread, and shows no fault of its own."""
    return parse(key)[0].name in _CIRCUMSTANCES


def of_the_past(key: str) -> bool:
    """Whether a finding tells of earlier incidents only: it makes a fault likelier and shows none."""
    return parse(key)[0].name in _PAST


@lru_cache(maxsize=2048)  # a few hundred keys, each asked about for every GPU and in every turn
def parse(key: str) -> tuple[Predicate, tuple[str, ...]]:
    """The predicate and the arguments a key names.

    Raises:
        ValueError: the key has no such form or names no predicate.
    """
    match = _KEY.match(key.strip())
    if match is None or match["name"] not in REGISTRY:
        raise ValueError(f"no finding {key!r}; known: {', '.join(sorted(REGISTRY))}")
    args = tuple(part.strip() for part in (match["args"] or "").split(",") if part.strip())
    return REGISTRY[match["name"]], args


def evaluate(obs: Observations, key: str, gpu: GpuRef | None) -> Finding:
    """What the evidence says about `key` for one GPU, or for the node.

    A summary whose shape is not what it should be makes the finding unknown: a fault of a source must not end the
    investigation.
    """
    found, args = parse(key)
    said = safely(lambda: found.check(obs, gpu, args), UNKNOWN, key)
    return Finding(said.holds, said.detail, said.cites, said.strength, said.absence, key)
