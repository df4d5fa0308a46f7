"""Which alerts are told now, which are held, and which are kept back. Pure: the same happenings give the same answer.

An alert is told at once when nothing of its group was told lately. Within the rule's cool-down it is kept back and
counted; the next message says how many were. Where the cool-down is over and the window for the same again is not, it
is held until the window ends, and then told as one message with a count. Above the limit per minute alerts are held
until there is room, and those are summed up in one message. What is held is stored like everything else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sentinel_gateway.alerts import composing
from sentinel_gateway.domain.alert_rules import AlertRule, Course, GroupBy
from sentinel_gateway.domain.alert_settings import AlertSettings, rules_of
from sentinel_gateway.domain.alerts import Alert, Group, GroupKey, Medium, Severity, Waiting
from sentinel_gateway.domain.happenings import Happening, StateChanged
from sentinel_gateway.domain.health import HealthState

MAX_GROUPS = 250_000
"""Remembered; alerts about more things share one group of their rule."""
MINUTE_NS = 60 * 10**9
_MORE = "more"
_DAY_NS = 24 * 3600 * 10**9
_FORGET_AFTER_NS = _DAY_NS
"""No cool-down is longer, so what is older decides nothing."""
_CLOSED_AFTER_NS = 30 * _DAY_NS
"""Nobody waits for the end of what began so long ago."""


class Rules:
    """The rules in force, by what they look at."""

    def __init__(self, settings: AlertSettings) -> None:
        self.by_name = {rule.name: rule for rule in rules_of(settings)}
        self.window_ns = int(settings.aggregate_window.total_seconds() * 1e9)
        self.per_minute = settings.max_alerts_per_minute
        self._floor_ns = int(settings.rate_limit.total_seconds() * 1e9)
        self._by_kind: dict[type[Happening], list[AlertRule]] = defaultdict(list)
        for rule in self.by_name.values():
            for kind in rule.condition.kinds:
                self._by_kind[kind].append(rule)
        self.about_gpus = tuple(rule for rule in self.by_name.values() if rule.group_by is GroupBy.GPU)

    def looking_at(self, happening: Happening) -> Sequence[AlertRule]:
        """The rules whose condition is about it."""
        return self._by_kind.get(type(happening), ())

    def cooldown_ns(self, rule: AlertRule) -> int:
        """How long after a message of a rule the same is kept back."""
        return max(self._floor_ns, int(rule.cooldown.total_seconds() * 1e9))


@dataclass(slots=True)
class Memory:
    """What holds: groups by key, and when the messages of the last minute were told."""

    groups: dict[GroupKey, Group] = field(default_factory=dict)
    waiting: set[GroupKey] = field(default_factory=set)
    told_ns: tuple[int, ...] = ()

    def restore(self, group: Group) -> None:
        """A group is remembered."""
        self.groups[group.key] = group
        if group.waiting is not None:
            self.waiting.add(group.key)

    def keep(self, judged: Judgement) -> None:
        """What was judged holds."""
        for key, group in judged.groups.items():
            self.waiting.discard(key)
            if group is None:
                self.groups.pop(key, None)
            else:
                self.restore(group)
        self.told_ns = judged.told_ns

    def quiet(self, now_ns: int) -> Iterable[GroupKey]:
        """Keys of groups that decide nothing any more."""
        return [key for key, group in self.groups.items() if _is_quiet(group, now_ns)]


@dataclass(slots=True)
class Judgement:
    """What one round of happenings leads to; nothing of it holds before `Memory.keep`."""

    alerts: list[tuple[Alert, frozenset[Medium]]] = field(default_factory=list)
    """In order, without ids, and where they go."""
    groups: dict[GroupKey, Group | None] = field(default_factory=dict)
    told_ns: tuple[int, ...] = ()
    held: list[str] = field(default_factory=list)
    """Rules whose alert is told later."""
    kept_back: list[str] = field(default_factory=list)
    """Rules whose alert was dropped for cooling down."""
    over_limit: list[str] = field(default_factory=list)
    """Rules whose alert was above the limit."""


class Judge:
    """Judges one round."""

    def __init__(self, rules: Rules, memory: Memory, now_ns: int) -> None:
        self._rules, self._memory, self._now_ns = rules, memory, now_ns
        lately = tuple(one for one in memory.told_ns if 0 <= now_ns - one < MINUTE_NS)
        self.judgement = Judgement(told_ns=lately)

    def judge(self, happenings: Sequence[Happening]) -> Judgement:
        """What is to be told of `happenings`, and of what was held until now; the worst first."""
        found = [
            (rule, happening, level)
            for happening in happenings
            for rule in self._rules.looking_at(happening)
            if (level := rule.condition.level(happening)) is not None
        ]
        self._tell_due()
        for rule, happening, level in sorted(found, key=lambda one: -one[0].severity):
            key = self._key(rule, happening)
            if level > 0:
                self._take(rule, key, happening, level if rule.course is Course.RISING else 0)
            elif (group := self._group(key)) is not None:
                self._fall(rule, group, happening)
        changed = {one.gpu: one for one in happenings if isinstance(one, StateChanged)}
        for last in changed.values():
            if last.to_state is HealthState.HEALTHY:
                self._clear_gpu(last)
        return self.judgement

    def _take(self, rule: AlertRule, key: GroupKey, happening: Happening, level: int) -> None:
        group = self._group(key) or Group(key)
        if rule.course is Course.RISING and level <= group.level:
            return
        since_ns = self._since(group)
        is_cooling = since_ns is not None and since_ns < self._rules.cooldown_ns(rule)
        if is_cooling and group.waiting is None and rule.course is Course.REPEATED:
            self.judgement.kept_back.append(rule.name)
            self._put(replace(group, held_back=group.held_back + 1))
            return
        alert = composing.alert_of(rule, key, happening)
        if group.waiting is not None:
            self._hold(group, replace(group.waiting, alert=composing.with_another(group.waiting.alert, alert)), level)
        elif is_cooling or (since_ns is not None and since_ns < self._rules.window_ns):
            # A rise, and what lasts, may not be heard of again after the cool-down.
            cooldown_ns = self._rules.cooldown_ns(rule) if is_cooling else 0
            self._hold(group, Waiting(alert, group.told_ns + max(cooldown_ns, self._rules.window_ns)), level)
        else:
            self._tell(rule, group, alert, level)

    def _hold(self, group: Group, waiting: Waiting, level: int) -> None:
        self.judgement.held.append(group.key.rule)
        self._put(replace(group, waiting=waiting, level=level))

    def _tell(self, rule: AlertRule, group: Group, alert: Alert, level: int) -> None:
        alert = replace(alert, held_back=alert.held_back + group.held_back, severity=rule.severity)
        later = replace(group, held_back=0, level=level, told_ns=self._now_ns, waiting=None)
        if not self._has_room():
            due_ns = min(self.judgement.told_ns) + MINUTE_NS
            self.judgement.over_limit.append(rule.name)
            self._put(replace(later, waiting=Waiting(alert, due_ns, is_over_limit=True)))
            return
        self.judgement.told_ns += (self._now_ns,)
        self._send(alert, rule.media)
        self._put(replace(later, is_open=group.is_open or rule.severity > Severity.INFO))

    def _has_room(self) -> bool:
        return len(self.judgement.told_ns) < self._rules.per_minute

    def _fall(self, rule: AlertRule, group: Group, happening: Happening) -> None:
        """The condition does not hold any more."""
        if rule.course is Course.RISING:
            if group.level:
                self._put(replace(group, level=0))
            return
        if rule.course is Course.LASTING and _is_held(group):
            self.judgement.kept_back.append(rule.name)
            group = replace(group, waiting=None, held_back=group.held_back + 1)
            self._put(group)
        self._close(rule, group, happening)

    def _clear_gpu(self, happening: StateChanged) -> None:
        """A GPU is HEALTHY again: what was told of it is over. Counters keep their level: the GPU keeps its counts."""
        for rule in self._rules.about_gpus:
            group = self._group(rule.group_of(happening))
            if group is not None:
                self._close(rule, group, happening)

    def _close(self, rule: AlertRule, group: Group, happening: Happening) -> None:
        """Tell what is held, for it came before; then that it is over."""
        if group.waiting is not None and _is_held(group):
            self._tell(rule, group, group.waiting.alert, group.level)
            group = self.judgement.groups[group.key] or group
        if group.is_open:
            self._send(composing.resolved(rule, group.key, happening), rule.media)
            self._put(replace(group, is_open=False))

    def _tell_due(self) -> None:
        """What was held until now."""
        above: list[tuple[AlertRule, Group, Alert]] = []
        held = (self._memory.groups[key] for key in self._memory.waiting)
        for group in sorted(filter(self._is_due, held), key=lambda group: group.key):
            rule, waiting = self._rules.by_name.get(group.key.rule), group.waiting
            if waiting is None:
                continue
            if rule is None:
                self._put(replace(group, waiting=None))
            elif waiting.is_over_limit:
                above.append((rule, group, waiting.alert))
            else:
                self._tell(rule, group, waiting.alert, group.level)
        if above:
            self._tell_above(above)

    def _is_due(self, group: Group) -> bool:
        """Whether what it holds is to be told; also where a clock that was ahead put it far off."""
        waiting = group.waiting
        return waiting is not None and not self._now_ns < waiting.due_ns <= self._now_ns + _FORGET_AFTER_NS

    def _tell_above(self, above: Sequence[tuple[AlertRule, Group, Alert]]) -> None:
        """One message for all, which the limit does not count."""
        media = frozenset(medium for rule, _, _ in above for medium in rule.media)
        self._send(composing.summed_up([alert for _, _, alert in above]), media)
        for _, group, _ in above:
            self._put(replace(group, waiting=None))

    def _since(self, group: Group) -> int | None:
        """Since it was told; None where it never was, or by a clock that was ahead."""
        since_ns = self._now_ns - group.told_ns
        return since_ns if group.told_ns and since_ns >= 0 else None

    def _key(self, rule: AlertRule, happening: Happening) -> GroupKey:
        key = rule.group_of(happening)
        known = key in self._memory.groups or key in self.judgement.groups
        is_room = len(self._memory.groups) + len(self.judgement.groups) < MAX_GROUPS
        return key if known or is_room else GroupKey(rule.name, _MORE)

    def _group(self, key: GroupKey) -> Group | None:
        return self.judgement.groups[key] if key in self.judgement.groups else self._memory.groups.get(key)

    def _put(self, group: Group) -> None:
        self.judgement.groups[group.key] = group

    def _send(self, alert: Alert, media: frozenset[Medium]) -> None:
        self.judgement.alerts.append((alert, media))


def _is_quiet(group: Group, now_ns: int) -> bool:
    if group.level or group.waiting is not None:
        return False
    return group.told_ns < now_ns - (_CLOSED_AFTER_NS if group.is_open else _FORGET_AFTER_NS)


def _is_held(group: Group) -> bool:
    """Whether a message waits for its window or cool-down, not for room."""
    return group.waiting is not None and not group.waiting.is_over_limit
