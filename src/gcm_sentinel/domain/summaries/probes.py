"""What agents on GPU nodes tell: a node's GPUs, and how a suspect GPU did beside one that nobody suspects."""

from __future__ import annotations

from typing import Literal, TypedDict

Comparison = Literal[
    "fails_alone", "fails_on_both", "fails_uncompared", "only_sibling_fails", "passes", "passes_in_part", "no_answer"
]
"""How one kind of probe went. `passes` is said only where everything that was to run ran and was right;
`no_answer` speaks neither for nor against the GPU, and `passes_in_part` not for what did not run."""


class NodeGpuSummary(TypedDict):
    """One GPU of `describe_gpu_node`."""

    uuid: str
    index: int
    pci_bus_id: str
    model: str
    driver_version: str
    memory_bytes: int
    mig: bool
    """Partitioned, so no probe runs."""
    held_by: str
    """Who runs a probe on it now; empty for nobody."""


class NodePartSummary(TypedDict):
    """A part of the node's agent."""

    name: str
    missing: str
    """What it lacks; empty where it works."""


class GpuNodeSummary(TypedDict):
    """`describe_gpu_node`."""

    node: str
    agent_version: str
    boot_id: str
    permission: str
    """Probes that the node lets run: ``off``, ``light``, ``deep`` or ``unknown``."""
    we_may_ask: str
    """Probes that the agent's own settings allow."""
    gpus: list[NodeGpuSummary]
    parts: list[NodePartSummary]


class FailingSmSummary(TypedDict):
    """One SM, or memory where `sm` is None, with wrong results of one kind of probe."""

    sm: int | None
    variants: list[str]
    wrong_words: int
    bits: str
    """OR of all differences of 32-bit words, hexadecimal."""
    byte_offset: int | None
    """Of the first wrong word of the first variant that failed."""
    expected: str
    actual: str


class ProbeSideSummary(TypedDict):
    """One kind of probe on one GPU."""

    gpu: str
    outcome: str | None
    """The gravest finding's; None where no run came back."""
    counts: dict[str, int]
    """Findings by outcome; `error`, `timeout` and `not_run` are no passes."""
    seed: int | None
    gpu_clock_mhz: int | None
    temperature_c: float | None
    tested_bytes: int
    tested_share: float | None
    """Of the GPU's memory, 0 to 1; None for kinds that do not test it."""
    words: list[str]
    """Notes of the run, why there was none, and reasons of findings that are neither pass nor fail."""


class ProbeKindSummary(TypedDict):
    """One kind of probe."""

    kind: str
    comparison: Comparison
    suspect: ProbeSideSummary
    sibling: ProbeSideSummary | None
    failing_sms: list[FailingSmSummary]
    """Of the suspect, the most wrong words first, at most 20."""
    failing_sms_total: int


class ProbeGpuSummary(TypedDict):
    """`probe_gpu`."""

    node: str
    gpu: str
    gpu_index: int
    sibling: str | None
    suspicion: str
    depth: str
    comparison: Comparison
    """The gravest of all kinds; `passes` only where every kind passed."""
    repeating_sms: list[int]
    """SMs of the suspect that failed in two or more kinds."""
    kinds: list[ProbeKindSummary]
    not_asked: list[str]
    """Kinds that were not run, as time was up or the GPU did not take the one before."""
