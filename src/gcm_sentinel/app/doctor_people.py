"""What `doctor` says of how people are told and how they decide: Slack, PagerDuty, the webhook, the approvers file.

Nobody is told anything: an address is connected to and nothing is sent, a key is held against its shape where its owner
offers no call without an effect. `gcm-sentinel notify test` is for the rest. Only what is configured is looked at, so
whatever does not work here is broken and not merely off. No key, token or path of a webhook is part of a finding.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from urllib.parse import urlsplit

from gcm_sentinel.app.approvers import read_approvers
from gcm_sentinel.app.doctor_finding import Finding
from gcm_sentinel.app.doctor_slack import AREA, examine_slack
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.clients.reach import reach
from gcm_sentinel.domain.errors import BadConfiguration, SentinelError
from gcm_sentinel.domain.modes import Effect, permits

_WEBHOOK, _SLACK_WEBHOOK, _PAGERDUTY, _FILE = "webhook", "slack webhook", "pagerduty", "approvers file"
_KEY_CHARACTERS = 32
_KEY = re.compile(rf"[0-9A-Za-z]{{{_KEY_CHARACTERS}}}")
"""Integration keys of Events API v2, https://developer.pagerduty.com/docs/events-api-v2/overview."""
_SLACK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_INCOMING = re.compile(r"/services/T[A-Z0-9]+/B[A-Z0-9]+/[0-9A-Za-z]+")
"""https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""
_TRY = "`gcm-sentinel notify test` sends one"


async def examine_people(settings: Settings) -> tuple[Finding, ...]:
    """Look at every sink and channel of decisions that is configured, all at the same time."""
    async with asyncio.TaskGroup() as group:
        slack = group.create_task(examine_slack(settings))
        posts = [
            group.create_task(work) for work in (_slack_webhook(settings), _pagerduty(settings), _webhook(settings))
        ]
    found = [finding for task in posts if (finding := task.result()) is not None]
    return (*slack.result(), *found, *_approvers_file(settings))


async def _slack_webhook(settings: Settings) -> Finding | None:
    url = settings.slack_webhook_url.get_secret_value()
    if not url:
        return None
    fits = slack_webhook_fits(url)
    if fits is False:
        remedy = "take the Webhook URL of api.slack.com/apps > Incoming Webhooks: …/services/T…/B…/…"
        return _broken(_SLACK_WEBHOOK, "GCM_SENTINEL_SLACK_WEBHOOK_URL is no incoming webhook of Slack", remedy)
    about = "its shape fits" if fits else "not an address of Slack, so its shape is not known"
    return await _reached(_SLACK_WEBHOOK, url, f"{about}; nothing was posted, {_TRY}")


def slack_webhook_fits(url: str) -> bool | None:
    """Whether an address has the shape of an incoming webhook; None where it does not lead to Slack."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no address at all, as connecting to it will say
        return None
    if parts.hostname not in _SLACK_HOSTS:
        return None
    return parts.scheme == "https" and bool(_INCOMING.fullmatch(parts.path)) and not parts.query


async def _pagerduty(settings: Settings) -> Finding | None:
    key = settings.pagerduty_routing_key.get_secret_value()
    if not key:
        return None
    if not _KEY.fullmatch(key):
        detail = f"GCM_SENTINEL_PAGERDUTY_ROUTING_KEY has {len(key)} characters, or others than letters and digits"
        remedy = f"take the Integration Key ({_KEY_CHARACTERS} letters and digits) of an Events API V2 integration"
        return _broken(_PAGERDUTY, f"{detail}: not the shape of a key", remedy)
    about = f"shape only: Events API v2 has no call without an effect, {_TRY} and resolves it"
    return await _reached(_PAGERDUTY, settings.pagerduty_url, f"the key has the right shape ({about})")


async def _webhook(settings: Settings) -> Finding | None:
    url = settings.webhook_url.get_secret_value()
    if not url:
        return None
    return await _reached(_WEBHOOK, url, f"nothing was posted, {_TRY}")


async def _reached(name: str, url: str, about: str) -> Finding:
    try:
        place = await reach(url)
    except SentinelError as error:
        return _broken(name, str(error), "check the address, and let the agent's NetworkPolicy and firewalls pass it")
    return Finding(AREA, name, ok=True, detail=f"{place} can be connected to; {about}")


def _approvers_file(settings: Settings) -> tuple[Finding, ...]:
    """How many people the file names, and each line that names nobody."""
    path = settings.approvers_file
    if path is None:
        return ()
    try:
        listed = read_approvers(path)
    except BadConfiguration as error:
        return (_broken(_FILE, str(error), "make it readable for the agent, or unset GCM_SENTINEL_APPROVERS_FILE"),)
    people = f"{listed.people} {'person' if listed.people == 1 else 'people'}"
    whole = _useless(settings, Finding(AREA, _FILE, ok=True, detail=f"{path}: {people} may decide over HTTP"))
    if not listed.people:
        whole = _broken(_FILE, f"{path} names nobody", "add a line: docs/acting.md shows how one is made")
    remedy = "correct it: `<SHA-256 of a token, 64 hexadecimal digits> <name>`; until then it lets nobody decide"
    return (whole, *(_broken(_FILE, f"{path} line {line.number}: {line.reason}", remedy) for line in listed.bad))


def _useless(settings: Settings, whole: Finding) -> Finding:
    """What is said where the file is in order and nobody can use it."""
    if not permits(settings.action_mode, Effect.REMEDIATE).allowed:
        return replace(whole, detail=f"{whole.detail}; mode {settings.action_mode} asks nobody")
    if not settings.http_port:
        return _broken(_FILE, f"{whole.detail}, but there is no port", "set GCM_SENTINEL_HTTP_PORT")
    return whole


def _broken(name: str, detail: str, remedy: str) -> Finding:
    return Finding(AREA, name, ok=False, broken=True, detail=detail, remedy=remedy)
