"""What questions are about: the node, the GPU in question, and other names that only evidence tells.

The GPU depends on the question. One that a question must have is the GPU of the most probable hypothesis that its
answer bears on, which need not be the leading one: the job may be the likelier cause, and still only a probe of the
suspected GPU can clear that GPU. So a probe, which takes time of a GPU, is run for a suspicion it can judge and for no
other. Where a GPU merely narrows a question down, it is the leading hypothesis's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from gcm_sentinel.llm.playbook.beliefs import Belief
from gcm_sentinel.llm.playbook.findings import moved, parse, topology
from gcm_sentinel.llm.playbook.hypotheses import Question
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.malformed import safely
from gcm_sentinel.llm.playbook.observations import Observations

SUSPECTED = 0.05
"""Probability from which a hypothesis about a GPU is worth a question of its own (judgement)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What questions are about."""

    node: str
    gpu: str = ""
    """UUID and serial number with a comma between, as far as known; empty when no GPU stands out."""
    bad_entry: str = ""
    """The ledger entry that does not verify; empty while all do."""
    peer: str = ""
    """Another node with the same condition, the latest to have it; empty when there is none."""
    stranger: str = ""
    """UUID of the GPU the trigger names, where it is not on the node; else empty."""

    def fill(self, words: str) -> str:
        """`words` with what is known in place of the names."""
        for name, value in asdict(self).items():
            words = words.replace(f"{{{name}}}", value)
        return words

    def has(self, name: str | None) -> bool:
        """Whether this is known."""
        return name is None or bool(asdict(self)[name])


def subject(obs: Observations, leading: Belief) -> Subject:
    """What is known by now; a name whose summary is malformed stays empty."""
    return Subject(
        obs.node,
        _marks(obs, leading.subject),
        safely(lambda: _bad_entry(obs), "", "entry that does not verify"),
        safely(lambda: next(iter(topology.companions(obs)), ""), "", "node with the same condition"),
        safely(lambda: moved.stranger(obs), "", "GPU of another node"),
    )


def aimed(question: Question, about: Subject, obs: Observations, beliefs: Sequence[Belief]) -> Subject:
    """`about` with the GPU that `question` needs; as it is where the question needs none.

    `beliefs` are in order of probability. The GPU is empty where nothing the answer bears on is suspected.
    """
    if question.requires != "gpu":
        return about
    suspected = [belief for belief in beliefs if belief.probability >= SUSPECTED and _bears_on(question, belief)]
    standing_out = next((belief.subject for belief in suspected if belief.subject), None)
    return replace(about, gpu=_marks(obs, standing_out) if suspected else "")


def _bears_on(question: Question, belief: Belief) -> bool:
    """Whether the answer could move the hypothesis, or belongs to its checks."""
    item = belief.hypothesis
    return question.name in item.confirm or any(question.name in parse(one.finding)[0].needs for one in item.weights)


def _marks(obs: Observations, known: GpuRef | None) -> str:
    """A GPU by UUID and serial; the one the trigger names where none stands out."""
    marks = [known.uuid, known.serial] if known else [obs.trigger.gpu_uuid]
    return ",".join(mark for mark in marks if mark)


def _bad_entry(obs: Observations) -> str:
    first = obs.ledger_check.data["first_bad_entry"] if obs.ledger_check else None
    return "" if first is None else str(first)
