"""Happenings that only time shows: failures on several SMs of a GPU, and agents that have fallen silent.

Pure, and bounded by the GPUs and hosts the gateway takes. What is seen in a round is held apart until the round is
stored. After a restart the memory is filled from what the core has: when SMs failed last, and when hosts were heard of.
Silence is then counted from the start, because nobody could be heard while the gateway was away. So it is after a gap
between rounds (a paused machine, a clock that was set) and after a round that could not be stored: who reported in
that time was not heard, and is no more silent than the gateway was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from sentinel_gateway.domain.alert_rules import Thresholds
from sentinel_gateway.domain.happenings import AgentSilent, FailuresOnSms, Happening, Heard, ProbeFailed
from sentinel_gateway.domain.identity import Gpu

GONE_AFTER = timedelta(hours=24)
"""A host that was silent for longer before a start was taken away; nobody waits for it."""
_SHORTEST_GAP_NS = 10 * 10**9
"""Rounds come every five seconds where nobody asks for one; what is longer than two of them may be a gap."""
_GAP_SHARE = 4
"""A gap of so large a part of the silence that is told of says that nobody was listened to."""
_MAX_SMS = 1024
"""SMs of one GPU that are remembered; those that failed last."""


class Failure(NamedTuple):
    """An SM failed last."""

    gpu_uuid: str
    sm_id: int
    time_ns: int


@dataclass(slots=True)
class Seen:
    """What one round shows; nothing of it holds before `Watching.keep`."""

    derived: list[Happening] = field(default_factory=list)
    failing: dict[str, dict[int, int]] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    fell_silent: dict[str, int] = field(default_factory=dict)


class Watching:
    """See the module."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._window_s = int(thresholds.sms_window.total_seconds())
        self._silence_ns = int(thresholds.silence.total_seconds() * 1e9)
        self._gap_ns = max(_SHORTEST_GAP_NS, self._silence_ns // _GAP_SHARE)
        self._failing: dict[str, dict[int, int]] = {}
        self._heard: dict[str, int] = {}
        self._silent: dict[str, int] = {}
        self._swept_ns = 0
        self._kept_ns: int | None = None
        self._is_missing = False

    def fill(
        self, heard: Mapping[str, int], failures: Iterable[Failure], now_ns: int, silent: Iterable[str] = ()
    ) -> None:
        """Bring back what a restart forgot: when hosts were heard of last, failures of SMs, silent hosts told of."""
        self._silent = {host: heard.get(host, 0) for host in silent}
        gone_ns = now_ns - int(GONE_AFTER.total_seconds() * 1e9)
        waited_for = (host for host, last_ns in heard.items() if last_ns > gone_ns and host not in self._silent)
        self._heard = dict.fromkeys(waited_for, now_ns)
        self._kept_ns = now_ns
        for failure in failures:
            sms = self._failing.setdefault(failure.gpu_uuid, {})
            sms[failure.sm_id] = max(failure.time_ns, sms.get(failure.sm_id, 0))

    def missed(self) -> None:
        """A round could not be stored: whoever reported was not heard."""
        self._is_missing = True

    def look(self, happenings: Sequence[Happening], now_ns: int) -> Seen:
        """What a round shows."""
        seen = Seen(heard=dict.fromkeys(self._heard, now_ns) if self._was_deaf(now_ns) else {})
        self._look_at_failures([one for one in happenings if isinstance(one, ProbeFailed)], seen)
        for one in happenings:
            if isinstance(one, Heard) and one.host:
                seen.heard[one.host] = now_ns
        for host in seen.heard:
            if host in self._silent:
                seen.derived.append(AgentSilent(time_ns=now_ns, hostname=host, is_over=True))
        self._look_for_silence(seen, now_ns)
        return seen

    def keep(self, seen: Seen, now_ns: int) -> None:
        """What was seen holds."""
        self._kept_ns, self._is_missing = now_ns, False
        self._failing.update(seen.failing)
        for host, time_ns in seen.heard.items():
            self._silent.pop(host, None)
            self._heard.pop(host, None)
            self._heard[host] = time_ns
        for host, time_ns in seen.fell_silent.items():
            self._heard.pop(host, None)
            self._silent[host] = time_ns
        if now_ns - self._swept_ns > self._window_s * 10**9:
            self._swept_ns = now_ns
            self._forget(now_ns)

    def _was_deaf(self, now_ns: int) -> bool:
        """Whether hosts may have reported since the round before this one without being heard."""
        return self._is_missing or (self._kept_ns is not None and abs(now_ns - self._kept_ns) > self._gap_ns)

    def _look_at_failures(self, failed: Sequence[ProbeFailed], seen: Seen) -> None:
        by_gpu: dict[str, tuple[Gpu, list[ProbeFailed]]] = {}
        for one in failed:
            if one.gpu is not None:
                by_gpu.setdefault(one.gpu.uuid, (one.gpu, []))[1].append(one)
        for uuid, (gpu, ones) in by_gpu.items():
            sms = dict(self._failing.get(uuid, {}))
            for one in ones:
                sms[one.sm_id] = max(one.time_ns, sms.get(one.sm_id, 0))
            sms = self._within(sms, max(sms.values()))
            seen.failing[uuid] = sms
            ids = tuple(event_id for one in ones for event_id in one.event_ids)
            time_ns = max(one.time_ns for one in ones)
            seen.derived.append(
                FailuresOnSms(time_ns=time_ns, gpu=gpu, event_ids=ids, sms=len(sms), window_s=self._window_s)
            )

    def _within(self, sms: dict[int, int], newest_ns: int) -> dict[int, int]:
        """Those that failed within the window before the newest failure."""
        lately = {sm_id: ns for sm_id, ns in sms.items() if newest_ns - ns <= self._window_s * 10**9}
        if len(lately) <= _MAX_SMS:
            return lately
        return dict(Counter(lately).most_common(_MAX_SMS))

    def _look_for_silence(self, seen: Seen, now_ns: int) -> None:
        """Hosts stand in the order in which they were heard of, so only the first ones are looked at."""
        for host, last_ns in self._heard.items():
            if now_ns - last_ns < self._silence_ns:
                return
            if host not in seen.heard:
                silent_s = (now_ns - last_ns) // 10**9
                seen.fell_silent[host] = last_ns
                seen.derived.append(AgentSilent(time_ns=now_ns, hostname=host, silent_s=silent_s))

    def _forget(self, now_ns: int) -> None:
        before_ns = now_ns - self._window_s * 10**9
        self._failing = {uuid: sms for uuid, sms in self._failing.items() if max(sms.values()) >= before_ns}
