"""Names and reasons come from callers: in an alert they are words, never markup, headers, links or commands."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.sentinel_alerts.made import alert, gpu

from sentinel_gateway.alerts import pagerduty, slack, webhook
from sentinel_gateway.alerts.mail import message
from sentinel_gateway.alerts.wording import plain
from sentinel_gateway.domain.alert_settings import EmailSettings

HOSTILE = [
    "node\r\nBcc: everybody@example.com\r\n\r\nbuy now",
    "<!channel> <https://evil.example|click> *bold* `code`",
    "see https://evil.example/x and www.evil.example and javascript:alert(1)",
    "\u202egpj.exe\u200b\u2028next line",
    "x" * 5000,
    "\ud800half",
    "=?utf-8?q?=0D=0ABcc=3A_a=40b?=",
]
MAIL = EmailSettings("127.0.0.1", "sentinel@example.com", ("team@example.com",))


def hostile(text: str):
    return alert(hostname=text, summary=text, facts={"reason": text}, gpu=replace(gpu(), hostname=text, model=text))


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_a_mail_has_our_headers_only(text):
    mail = message(hostile(text), MAIL)

    raw = mail.as_bytes()
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\nBcc" not in head
    assert set(mail.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }
    assert mail.get_content_type() == "text/plain"


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_slack_gets_words_of_others_in_plain_text_only(text):
    told = slack.payload(hostile(text))

    texts = [block["text"] for block in told["attachments"][0]["blocks"]]
    assert {one["type"] for one in texts} == {"plain_text"}
    assert all(len(one["text"]) <= 3000 for one in texts)
    assert told["text"] == "[HIGH] gpu_quarantined"
    assert "fallback" not in told["attachments"][0]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_no_channel_gets_a_link(text):
    told = json.dumps([
        slack.payload(hostile(text)), pagerduty.payload(hostile(text), "east"), webhook.payload(hostile(text), "east"),
        message(hostile(text), MAIL).get_content(),
    ], ensure_ascii=False)  # fmt: skip

    assert not any(link in told for link in ("https://", "www.evil", "javascript:", "\u202e", "\u200b"))


def test_plain_text_is_one_line_and_shows_what_it_broke():
    assert plain(" a\nb\t c https://x www.y ") == "a b c https[:]//x www[.]y"
    assert plain("x" * 20, 10) == "x" * 9 + "…"


def test_pagerduty_takes_the_longest_summary():
    assert len(pagerduty.payload(hostile("x" * 5000), "east")["payload"]["summary"]) <= 1024
