"""Telling followers what happens: everything that concerns people, directives, configuration.

A follower pulls: it is woken after every round and reads on from where it is, from memory where that reaches back far
enough, else from the database. So a slow follower costs no memory, loses nothing, and holds up nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice

from sentinel_gateway.core.bell import Bell
from sentinel_gateway.core.journal import Journal
from sentinel_gateway.core.memory import Memory
from sentinel_gateway.domain.configuration import VersionedUpdate
from sentinel_gateway.domain.directives import Directive, DirectiveNews
from sentinel_gateway.domain.errors import NotKnown, OutOfRange
from sentinel_gateway.domain.happened import Happened
from sentinel_gateway.domain.health import Action
from sentinel_gateway.storage.store import Store

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which directives a follower wants; empty hostname and None match all."""

    hostname: str = ""
    action: Action | None = None

    def matches(self, directive: Directive) -> bool:
        """Whether it is to be told of this one."""
        return (not self.hostname or directive.gpu.hostname == self.hostname) and (
            self.action is None or directive.action is self.action
        )


class Following:
    """See the module."""

    def __init__(self, memory: Memory, bell: Bell, journal: Journal, store: Store) -> None:
        self._memory, self._bell, self._journal, self._store = memory, bell, journal, store

    def directives(self, wanted: Wanted, after_id: str) -> AsyncIterator[Directive]:
        """Directives from now on, or since `after_id` was first told; see `Core.follow_directives`."""
        return self._directives(wanted, after_id, self._memory.last_news)

    async def _directives(self, wanted: Wanted, after_id: str, position: int) -> AsyncIterator[Directive]:
        if after_id:
            position = await self._position_of(after_id)
        while True:
            newest = self._memory.last_news
            news = await self._news_after(position)
            for one in news:
                position = one.position
                if wanted.matches(one.directive):
                    yield one.directive
            if news:
                continue
            # News up to `newest` that the database does not have were forgotten; later ones came while it was read.
            position = max(position, newest)
            if position >= self._memory.last_news:
                if self._bell.is_over:
                    return
                await self._bell.wait()

    async def _position_of(self, directive_id: str) -> int:
        position = await self._journal.read(self._store.first_news_of, directive_id)
        if position is None:
            raise NotKnown(f"no directive {directive_id!r} was told of: follow without it, or list the directives")
        return position

    async def _news_after(self, position: int) -> list[DirectiveNews]:
        memory = self._memory
        if position >= memory.last_news:
            return []
        recent = memory.recent_news
        if recent and recent[0].position <= position + 1:
            return [news for news in recent if news.position > position][:_PAGE]
        return await self._journal.read(self._store.news_after, position, _PAGE)

    async def events(self, position: int, now_ns: int | None, hostname: str) -> AsyncIterator[Happened]:
        """What happened after a position, or from `now_ns` on; see `Core.follow_events`."""
        if now_ns is not None:
            position = self._memory.last_event
            yield Happened(position, now_ns, None, None)
        elif position > self._memory.last_event:
            raise OutOfRange(
                f"position {position} was never reached, the last is {self._memory.last_event}: another database stands"
                " here now; take stock of the fleet and follow from now"
            )
        while True:
            newest = self._memory.last_event
            events = await self._events_after(position)
            _check_no_gap(position, events[0].position - 1 if events else newest)
            for one in events:
                position = one.position
                if not hostname or one.gpu is None or one.gpu.hostname == hostname:
                    yield one
            if events:
                continue
            position = newest  # 0 stands for all that is kept, which may be nothing
            if position >= self._memory.last_event:
                if self._bell.is_over:
                    return
                await self._bell.wait()

    async def _events_after(self, position: int) -> list[Happened]:
        memory = self._memory
        if position >= memory.last_event:
            return []
        recent = memory.recent_events
        if recent and recent[0].position <= position + 1:
            return list(islice((one for one in recent if one.position > position), _PAGE))
        return await self._journal.read(self._store.events_after, position, _PAGE)

    async def configuration(self, version: int) -> AsyncIterator[VersionedUpdate]:
        """The newest update of each subject since `version`, then each as it comes."""
        while True:
            updates = self._memory.configuration.since(version)
            for update in updates:
                version = update.version
                yield update
            if not updates:
                if self._bell.is_over:
                    return
                await self._bell.wait()


def _check_no_gap(position: int, forgotten: int) -> None:
    """`forgotten`: the position up to which nothing is kept, as far as `position` is concerned."""
    if 0 < position < forgotten:
        raise OutOfRange(
            f"events after position {position} were forgotten, nothing up to {forgotten} is kept: take stock of the"
            " fleet and follow from now"
        )
