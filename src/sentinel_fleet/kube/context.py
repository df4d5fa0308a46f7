"""What every handler of the API server is given: the world behind it, its rules, and who is asking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from sentinel_fleet.kube.authz import Rules, User
from sentinel_fleet.kube.store import ObjectStore
from sentinel_fleet.ports import LogSource, SourceFaults


@dataclass(frozen=True, slots=True)
class KubeSettings:
    """How the simulated API server behaves in time."""

    version: str = "v1.34.2"
    """The Kubernetes version it claims to be."""
    pod_grace_s: float = 0.2
    """The longest a deleted pod stays Terminating, whatever its own grace period says."""
    bookmark_interval_s: float = 60.0
    """How often a watch with bookmarks gets one, whatever else it gets; the last comes two seconds before its end, or
    one interval where that is less."""
    watch_timeout_s: float = 1800.0
    """How long a watch lives that names no timeoutSeconds."""
    eviction_retry_after_s: int = 0
    """The Retry-After of a refused eviction; 0 sends none, as real servers do for a budget that is spent."""
    wrong_uid_retry_s: float = 0.0
    """How long an eviction of another uid than the pod's is tried again before it is refused. A real server tries for
    ten seconds (20 times, half a second apart), as if the precondition might come true; here nobody waits unless a
    test wants to see how a client bears it."""
    expired_watch_as_status: bool = False
    """Whether a watch from a too old resourceVersion is refused with HTTP 410, as servers without a watch cache did;
    otherwise it begins with 200 and an ERROR event. Clients must understand both."""


@dataclass(frozen=True, slots=True)
class Context:
    """One API server."""

    store: ObjectStore
    logs: LogSource
    faults: SourceFaults
    clock: Callable[[], float]
    rules: Rules
    settings: KubeSettings
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server shuts down."""
    timers: set[asyncio.TimerHandle] = field(default_factory=set)
    """Pods that are terminating."""

    def later(self, delay_s: float, action: Callable[[], object]) -> None:
        """Do something after a delay, unless the server is gone by then."""
        loop = asyncio.get_running_loop()

        def fire() -> None:
            self.timers.discard(handle)
            action()

        handle = loop.call_later(delay_s, fire)
        self.timers.add(handle)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    user: User
    user_agent: str

    def manager(self, requested: str) -> str:
        """The field manager of a write: the one asked for, else the client's program name."""
        return (requested or self.user_agent.split("/", 1)[0] or "unknown")[:128]
