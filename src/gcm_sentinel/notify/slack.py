"""Publishes incidents to Slack: one card and one thread per incident, or single messages by an incoming webhook.

The first assessment is the card; whatever comes after it changes the card and is a reply in its thread. Where the card
stands is kept in the database, so that a restart goes on in the same thread. Slack knows no idempotency key: a message
whose answer was lost may appear twice. A reply says only what the thread has not said yet. A question to people is a
reply of its own, shown in the channel as well, and changed when it waits no more.

An incoming webhook can neither reply nor change, and takes no decisions: there each edition is a message of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.errors import NotFound, SentinelError
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import TOLD, PublishedAction
from gcm_sentinel.domain.threads import OverThread, Thread, ThreadBook
from gcm_sentinel.notify import oneline
from gcm_sentinel.notify.retry import RetryPolicy, attempts, once
from gcm_sentinel.notify.slack_card import card, notification, told_lines
from gcm_sentinel.notify.slack_question import action_lines, asks, question, settled
from gcm_sentinel.notify.slack_text import NOTIFICATION_CHARACTERS, disarmed, section
from gcm_sentinel.notify.webhook import Endpoint, HttpPoster, check, scrubbed

NAME = "slack"
POLICY = RetryPolicy(deadline=timedelta(seconds=20))
"""Shorter than others': messages wait for one another, and the outbox tries again."""
_LOUD = frozenset({ActionState.FAILED})
"""States that need somebody: the reply is shown in the channel as well, as every question is."""

log = structlog.get_logger(__name__)


class Chat(Protocol):
    """What this room needs of a Slack client."""

    async def post(
        self, channel: str, text: str, blocks: Sequence[JsonObject], *, thread: str = "", loud: bool = False
    ) -> tuple[str, str]:
        """Post; the channel's id and the message's ``ts``."""
        ...

    async def change(self, channel: str, ts: str, text: str, blocks: Sequence[JsonObject]) -> None:
        """Change a message.

        Raises:
            NotFound: it is gone.
        """
        ...

    async def whisper(self, channel: str, user: str, text: str, *, thread: str = "") -> None:
        """Tell one user alone."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where to post."""

    channel: str
    buttons: bool = False
    """Whether decisions are taken there."""


class SlackNotifier:
    """A `Notifier` and `Closer` with a bot's token."""

    name = NAME

    def __init__(self, chat: Chat, place: Place, book: ThreadBook, *, policy: RetryPolicy = POLICY) -> None:
        self._chat = chat
        self._place = place
        self._book = book
        self._policy = policy
        self._turn = asyncio.Lock()  # two investigations of one incident must not both open its thread

    async def publish(self, publication: Publication) -> None:
        """Open the incident's thread, or go on in it.

        Raises:
            Retryable: Slack or the database was away until the policy's deadline.
            Permanent: Slack refused it (token, scope, channel).
        """
        async with self._turn:
            thread = await self._book.get(NAME, publication.incident.id)
            if thread is None:
                await self._open(publication)
            else:
                await self._go_on(thread, publication)

    async def close(self, over: OverThread) -> None:
        """Say in the thread that the incident is over; tried once, for whoever calls tries again.

        Raises as `publish` does.
        """
        words = disarmed(f"The incident is closed: {over.reason or 'nothing is wrong any more'}", 500)
        async for attempt in attempts(once(self._policy), NAME):
            with attempt:
                await self._chat.post(over.thread.place, words, [section(words)], thread=over.thread.mark)

    async def _open(self, publication: Publication) -> None:
        place, mark = await self._post(self._place.channel, notification(publication), card(publication))
        incident = publication.incident
        thread = Thread(incident.id, mark, place, incident.revision, _told(publication.actions))
        await self._book.put(NAME, thread)
        await self._questions(thread, publication)

    async def _go_on(self, thread: Thread, publication: Publication) -> None:
        again = publication.incident.revision > thread.revision
        if publication.incident.revision >= thread.revision and not await self._changed(thread, publication):
            log.warning("slack.card_gone", incident=thread.incident_id, hint="a new thread is begun")
            await self._open(publication)
            return
        news = [item for item in publication.actions if _is_news(item, thread)]
        lines = (*(_again(publication) if again else ()), *told_lines(news))
        if lines:
            loud = any(item.state in _LOUD for item in news)
            words = disarmed(lines[0], NOTIFICATION_CHARACTERS)
            await self._post(thread.place, words, [section(*lines)], thread=thread.mark, loud=loud)
        revision = max(thread.revision, publication.incident.revision)
        told = {**thread.told, **_told(publication.actions)}
        thread = replace(thread, revision=revision, told=told)
        await self._book.put(NAME, thread)
        await self._questions(thread, publication)

    async def _questions(self, thread: Thread, publication: Publication) -> None:
        """Ask what is to be asked, and take down what waits no more: each is known by its id until then."""
        for action in publication.actions:
            asked = thread.told.get(action.question_id)
            if asks(action) and asked is None:
                words, blocks = _words(action), question(action, buttons=self._place.buttons)
                _, mark = await self._post(thread.place, words, blocks, thread=thread.mark, loud=True)
                thread = replace(thread, told={**thread.told, action.question_id: mark})
            elif isinstance(asked, str) and not asks(action):
                if not await self._change(thread.place, asked, _words(action), settled(action)):
                    log.info("slack.question_gone", incident=thread.incident_id, question=action.question_id)
                left = {key: value for key, value in thread.told.items() if key != action.question_id}
                thread = replace(thread, told=left)
            else:
                continue
            await self._book.put(NAME, thread)

    async def _changed(self, thread: Thread, publication: Publication) -> bool:
        """Whether the card was there to be changed."""
        return await self._change(thread.place, thread.mark, notification(publication), card(publication))

    async def _change(self, place: str, mark: str, words: str, blocks: Sequence[JsonObject]) -> bool:
        """Whether the message was there to be changed."""
        try:
            async for attempt in attempts(self._policy, NAME):
                with attempt:
                    await self._chat.change(place, mark, words, blocks)
        except NotFound:
            return False
        return True

    async def _post(
        self, channel: str, text: str, blocks: Sequence[JsonObject], *, thread: str = "", loud: bool = False
    ) -> tuple[str, str]:
        posted = ("", "")
        async for attempt in attempts(self._policy, NAME):
            with attempt:
                posted = await self._chat.post(channel, text, blocks, thread=thread, loud=loud)
        return posted


class SlackWebhookNotifier:
    """A `Notifier` with an incoming webhook."""

    name = NAME

    def __init__(self, http: HttpPoster, url: str, *, policy: RetryPolicy = POLICY) -> None:
        """Check the address.

        Raises:
            BadConfiguration: it is not http(s) with a host.
        """
        self._endpoint = Endpoint(url)
        check(self._endpoint, "GCM_SENTINEL_SLACK_WEBHOOK_URL")
        self._http = http
        self._policy = policy

    async def publish(self, publication: Publication) -> None:
        """Post the assessment, or for a later edition what became of its actions.

        Raises:
            Retryable: it still failed at the deadline.
            Permanent: Slack refused it.
        """
        first = not publication.shown_before
        lines = (notification(publication), *told_lines(publication.actions))
        blocks = card(publication) if first else [section(*lines)]
        body = json.dumps({"text": notification(publication), "blocks": blocks}).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        url, timeout = self._endpoint.url, self._policy.attempt_timeout
        try:
            async for attempt in attempts(self._policy, NAME, shown=self._scrubbed):
                with attempt:
                    await self._http.post(url, content=body, headers=headers, timeout=timeout)
        except SentinelError as error:
            error.args = (self._scrubbed(error),)
            raise

    def _scrubbed(self, error: BaseException) -> str:
        return scrubbed(error, self._endpoint)


def _told(actions: Sequence[PublishedAction]) -> JsonObject:
    return {action.id: _mark(action) for action in actions}


def _words(action: PublishedAction) -> str:
    return disarmed(next(action_lines(action)), NOTIFICATION_CHARACTERS)


def _is_news(action: PublishedAction, thread: Thread) -> bool:
    """Whether a reply has to tell of it; what it asks is a message of its own."""
    return action.state in TOLD and not asks(action) and thread.told.get(action.id) != _mark(action)


def _mark(action: PublishedAction) -> str:
    return f"{action.state} {action.since.isoformat()}"


def _again(publication: Publication) -> tuple[str, ...]:
    assessment = publication.assessment
    draft = assessment.draft
    return (
        f"Investigated again: [{draft.severity.upper()}] {oneline.summary(assessment)}",
        f"Cause: {draft.root_cause}",
        f"Advised: {oneline.primary_action(assessment)} (confidence {draft.confidence:.0%})",
        *oneline.not_done(publication),
    )
