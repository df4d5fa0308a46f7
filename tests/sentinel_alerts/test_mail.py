"""E-mail through a real relay: encrypted, addressed, the same message however often it is sent."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sentinel_alerts.made import alert
from tests.sentinel_alerts.relay import Relay, tls_in
from tests.sentinel_alerts.sending import QUICK

from sentinel_gateway.alerts.channel import Answer, Verdict
from sentinel_gateway.alerts.mail import Email
from sentinel_gateway.domain.alert_settings import EmailSettings, Security, SendingSettings


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A relay without TLS."""
    async with Relay().running() as running:
        yield running


def settings(relay: Relay, security: Security = Security.NONE) -> EmailSettings:
    to = ("one@example.com", "two@example.com")
    return EmailSettings("127.0.0.1", "sentinel@example.com", to, relay.port, security)


async def sent(relay: Relay, settings: EmailSettings, sending: SendingSettings = QUICK) -> Answer:
    channel = Email(settings, sending)
    try:
        return await channel.send(alert())
    finally:
        await channel.close()


async def test_a_mail_reaches_all_recipients(relay):
    answer = await sent(relay, settings(relay))

    [mail] = relay.mails
    assert answer.verdict is Verdict.DELIVERED
    assert [line.partition("<")[2][:3] for line in relay.recipients] == ["one", "two"]
    assert mail["Subject"].startswith("[HIGH] gpu_quarantined: GPU-00000000")
    assert "reason: because" in mail.get_content()


async def test_a_mail_that_is_sent_again_is_the_same_message(relay):
    for _ in range(2):
        await sent(relay, settings(relay))

    assert len({mail["Message-ID"] for mail in relay.mails}) == 1
    assert alert().alert_id in relay.mails[0]["Message-ID"]


async def test_starttls_encrypts_mail_and_password(tmp_path):
    context, ca_file = tls_in(tmp_path)
    async with Relay(context).running() as relay:
        known = replace(settings(relay, Security.STARTTLS), username="u", password="p")
        answer = await sent(relay, known, replace(QUICK, ca_file=ca_file))

    assert (answer.verdict, relay.encrypted, len(relay.logins)) == (Verdict.DELIVERED, True, 1)


async def test_nothing_is_sent_in_the_clear_where_the_relay_offers_no_tls(relay):
    answer = await sent(relay, settings(relay, Security.STARTTLS))

    assert (answer.verdict, relay.mails) == (Verdict.LATER, [])
    assert "STARTTLS" in answer.words


async def test_a_relay_that_nobody_vouches_for_gets_nothing(tmp_path):
    context, _ = tls_in(tmp_path)
    async with Relay(context).running() as relay:
        answer = await sent(relay, settings(relay, Security.STARTTLS))

    assert (answer.verdict, relay.mails) == (Verdict.LATER, [])


@pytest.mark.parametrize(
    ("command", "reply", "verdict"),
    [
        ("MAIL", "451 later", Verdict.LATER),
        ("RCPT", "550 nobody of that name", Verdict.LATER),
        ("RCPT", "450 busy", Verdict.LATER),
        ("CONTENT", "451 try again", Verdict.LATER),
        ("CONTENT", "554 looks like spam", Verdict.NEVER),
        ("MAIL", "421 closing", Verdict.LATER),
    ],
)
async def test_what_a_relay_refuses_for_now_is_tried_again(relay, command, reply, verdict):
    relay.replies[command] = reply

    answer = await sent(relay, settings(relay))

    assert (answer.verdict, relay.mails) == (verdict, [])
    assert reply[:3] in answer.words


@pytest.mark.parametrize("command", ["EHLO", "DATA"])
async def test_a_relay_that_hangs_is_left_after_the_deadline(relay, command):
    relay.hangs_at = command
    began = time.monotonic()

    answer = await sent(relay, settings(relay), replace(QUICK, timeout=timedelta(milliseconds=200)))

    assert answer.verdict is Verdict.LATER
    assert time.monotonic() - began < 5


async def test_a_relay_that_is_not_there_is_tried_again():
    nobody = Relay(port=1)

    assert (await sent(nobody, settings(nobody))).verdict is Verdict.LATER
