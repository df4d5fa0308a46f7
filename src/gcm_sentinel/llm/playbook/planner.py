"""Which question to ask next: the one whose answer is expected to tell the hypotheses apart most, for its cost.

For every finding a question can decide, the planner asks how much its answer would lower the entropy over the
hypotheses still alive (the chance that it holds under each follows from the hypothesis's likelihood ratios). Questions
of the first turn are fixed: a sensible triage is cheaper than deciding about it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.transcript import ModelTurn, ToolSpec, Transcript
from gcm_sentinel.llm.playbook.beliefs import Belief, Findings
from gcm_sentinel.llm.playbook.findings import parse
from gcm_sentinel.llm.playbook.hypotheses import Playbook, Question
from gcm_sentinel.llm.playbook.observations import Observations
from gcm_sentinel.llm.playbook.subject import Subject, aimed, subject

AHEAD = 0.9
"""Probability from which a hypothesis may be concluded."""
MARGIN = 8.0
"""How many times as probable as the next one it must be."""
_ALIVE = 0.004
_WORTH = 0.015
_PER_TURN = 5
_LONGEST = 6
"""Turns of questions before it must conclude."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question made concrete for one node and one tool."""

    question: Question
    arguments: Mapping[str, Json]
    gain: float = 0.0
    """Expected drop of entropy in bits; 0 for questions asked as a matter of course."""
    tests: tuple[str, ...] = ()
    """The hypotheses it is meant to tell apart."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do next: some questions, or none when it is time to conclude."""

    asks: tuple[Ask, ...]
    reason: str


def plan(
    playbook: Playbook, transcript: Transcript, tools: Sequence[ToolSpec], beliefs: Sequence[Belief], obs: Observations,
    findings: Findings,
) -> Plan:  # fmt: skip
    """The next questions, or none with the reason to stop."""
    turns = _turns(transcript)
    about = subject(obs, beliefs[0])
    open_asks = _open(playbook, transcript, tools, lambda question: aimed(question, about, obs, beliefs))
    if turns == 0:
        families = playbook.families_of(
            obs.trigger.kind, f"{obs.trigger.kind} {obs.trigger.reason} {obs.trigger.message}"
        )
        first = tuple(ask for ask in open_asks if ask.question.triage or set(families) & set(ask.question.families))
        return Plan(first, "triage: the node, its kernel log, its GPUs side by side, its work and its neighbours")
    if turns >= _LONGEST:
        return Plan((), f"{turns} turns of questions were asked")
    due = _due(beliefs[0], open_asks, findings)
    gains = sorted((_gain(ask, beliefs, findings) for ask in open_asks), key=lambda ask: -ask.gain / ask.question.cost)
    if _decided(beliefs):
        if not due:
            return Plan((), "one hypothesis is ahead by a margin and its checks are done")
        return Plan(due, f"to confirm {beliefs[0].fault_class}")
    worth = [ask for ask in gains if ask.gain / ask.question.cost >= _WORTH][:_PER_TURN]
    chosen = {ask.question.name: ask for ask in (*worth, *due)}
    if not chosen:
        return Plan((), "no question that is left would tell the hypotheses apart")
    return Plan(tuple(chosen.values()), "the questions expected to tell the hypotheses apart most")


def _decided(beliefs: Sequence[Belief]) -> bool:
    first, second = beliefs[0], beliefs[1]
    return first.probability >= AHEAD and first.probability >= MARGIN * second.probability


def _due(belief: Belief, open_asks: Sequence[Ask], findings: Findings) -> tuple[Ask, ...]:
    """The checks of a hypothesis, and what decides which of its actions and severities apply."""
    rules = [
        *(item.when for item in belief.hypothesis.actions),
        *(item.when for item in belief.hypothesis.severity_when),
    ]
    keys = {key.removeprefix("not ") for rule in rules for key in rule}
    undecided = [key for key in keys if findings.get(key, belief.subject).holds is None]
    asked_for = {*belief.hypothesis.confirm, *belief.hypothesis.settle}
    names = asked_for | {need for key in undecided for need in parse(key)[0].needs}
    return tuple(ask for ask in open_asks if ask.question.name in names)


def _turns(transcript: Transcript) -> int:
    return sum(1 for entry in transcript.entries if isinstance(entry, ModelTurn) and entry.tool_calls)


def _open(
    playbook: Playbook, transcript: Transcript, tools: Sequence[ToolSpec], about: Callable[[Question], Subject]
) -> list[Ask]:
    """Questions whose tool is offered and that were not asked yet (whoever asked: an earlier engine counts)."""
    offered = {tool.name: tool for tool in tools}
    calls = [call for entry in transcript.entries if isinstance(entry, ModelTurn) for call in entry.tool_calls]
    asked = {(call.name, _key(call.arguments)) for call in calls}
    dead = {item.tool for item in transcript.evidence if str(item.result.status) == "unavailable"}
    open_asks = []
    for question in playbook.questions:
        spec = offered.get(question.tool)
        if spec is None or question.tool in dead:
            continue
        asked_about = about(question)
        if not asked_about.has(question.requires):
            continue
        arguments = fill(question, spec, asked_about)
        if (question.tool, _key(arguments)) not in asked:
            open_asks.append(Ask(question, arguments))
    return open_asks


def fill(question: Question, spec: ToolSpec, about: Subject) -> dict[str, Json]:
    """The arguments of a question, by the parameters the tool declares; one that would be empty is left out."""
    declared = spec.parameters.get("properties")
    names = declared if isinstance(declared, Mapping) else {}
    values: dict[str, Json] = {"node_name": about.node, "node": about.node}
    for name, value in question.arguments.items():
        values[name] = about.fill(value) if isinstance(value, str) else value
    return {name: value for name, value in values.items() if name in names and value != ""}


def _key(arguments: Mapping[str, Json]) -> str:
    return repr(sorted((name, value) for name, value in arguments.items()))


def _gain(ask: Ask, beliefs: Sequence[Belief], findings: Findings) -> Ask:
    alive = [belief for belief in beliefs if belief.probability >= _ALIVE]
    keys = {
        weight.weight.finding
        for belief in alive
        for weight in belief.weighed
        if weight.finding.holds is None and ask.question.name in parse(weight.weight.finding)[0].needs
    }
    total, tests = 0.0, set()
    for key in sorted(keys):
        drop = _entropy_drop(key, alive)
        total += drop
        if drop > 0.005:
            tests |= {
                str(belief.fault_class)
                for belief in alive
                if any(item.weight.finding == key for item in belief.weighed)
            }
    return Ask(ask.question, ask.arguments, total, tuple(sorted(tests)))


def _entropy_drop(key: str, alive: Sequence[Belief]) -> float:
    mass = sum(belief.probability for belief in alive)
    share = [belief.probability / mass for belief in alive]
    known = [_chance(key, belief) for belief in alive]
    given = [chance for chance in known if chance is not None]
    base = min(0.5, sum(given) / len(given) * 0.3) if given else 0.1
    chances = [base if chance is None else chance for chance in known]
    holds = sum(part * chance for part, chance in zip(share, chances, strict=True))
    if not 0.0 < holds < 1.0:
        return 0.0
    if_holds = [part * chance / holds for part, chance in zip(share, chances, strict=True)]
    if_not = [part * (1 - chance) / (1 - holds) for part, chance in zip(share, chances, strict=True)]
    return max(0.0, _entropy(share) - holds * _entropy(if_holds) - (1 - holds) * _entropy(if_not))


def _chance(key: str, belief: Belief) -> float | None:
    """How likely the finding holds under the hypothesis: from its two ratios, which fix the base rate as well."""
    for item in belief.weighed:
        if item.weight.finding == key and item.weight.holds != item.weight.fails:
            base = (1 - item.weight.fails) / (item.weight.holds - item.weight.fails)
            return min(0.98, max(0.02, item.weight.holds * min(max(base, 0.0), 1.0)))
    return None


def _entropy(shares: Sequence[float]) -> float:
    return -sum(part * math.log2(part) for part in shares if part > 0)
