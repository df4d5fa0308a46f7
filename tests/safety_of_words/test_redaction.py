"""Secrets never pass the door between the world and a model; GPU facts do."""

from __future__ import annotations

import re

import pytest

from gcm_sentinel.domain.redaction import MASK, Redactor

CANARIES = {
    "bearer": ("Authorization: Bearer abcDEF1234567890abcDEF", "abcDEF1234567890abcDEF"),
    "jwt": ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl end", "eyJhbGciOiJIUzI1NiJ9"),
    "openai": ("key sk-proj-abcdefghijklmnop1234", "sk-proj-abcdefghijklmnop1234"),
    "github": ("ghp_abcdefghijklmnopqrstuvwx123456", "ghp_abcdefghijklmnopqrstuvwx123456"),
    "slack": ("token xoxb-1234567890-abcdef", "xoxb-1234567890-abcdef"),
    "aws": ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    "hf": ("hf_abcdefghijklmnopqrstuvwxyz", "hf_abcdefghijklmnopqrstuvwxyz"),
    "password": ("password=hunter2hunter2", "hunter2hunter2"),
    "yaml": ('db_password: "s3cr3t-value"', "s3cr3t-value"),
    "env": ("WANDB_API_KEY=0123456789abcdef0123", "0123456789abcdef0123"),
    "url": ("postgresql://sentinel:topsecret@db:5432/x", "topsecret"),
    "userless-url": ("redis://:topsecret@cache:6379", "topsecret"),
    "token-url": ("https://abcdef0123456789abcd@git.example/x.git", "abcdef0123456789abcd"),
    "escaped-json": (r'{"msg": "{\"db_password\": \"hunter2 and more\"}"}', "hunter2"),
    "quoted-with-spaces": ('secret: "correct horse battery"', "battery"),
    "json-header": ('{"Authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
    "cookie": ("Set-Cookie: session=abcdef0123", "abcdef0123"),
    "flag": ("train.py --hub-token abcdef012345 --lr 3", "abcdef012345"),
    "environment-entry": ('{"name": "DB_PASSWORD", "value": "hunter2x"}', "hunter2x"),
    "environment-yaml": ("- name: DB_PASSWORD\n  value: hunter2x", "hunter2x"),
    "chat-webhook": ("POST https://hooks.slack.com/services/T0/B0/XXXX failed", "XXXX"),
    "signed-url": ("GET /o?X-Amz-Signature=deadbeef01", "deadbeef01"),
    "pem": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc"),
}


@pytest.mark.parametrize("name", CANARIES)
def test_removes_the_secret(name):
    text, secret = CANARIES[name]

    clean = Redactor().text(f"before {text} after")

    assert secret not in clean
    assert MASK in clean
    assert clean.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "NVRM: Xid (PCI:0000:17:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
        "GPU-8f1b6c1e-2a54-4d1a-9c0e-111122223333",
        "NVLink: fatal error detected on link 9(0x600000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "tokens per second: 8123.4",
        "secret rotation done, multi-token prediction on, key=value",
        "https://gpu-r03-n05.cluster.local:10250/logs/kern.log?name=x&value=3",
        "MMU Fault: ENGINE GRAPHICS GPCCLIENT_T1_6 faulted @ 0x7f5a_e7504000",
    ],
)
def test_leaves_gpu_facts_alone(text):
    assert Redactor().text(text) == text


def test_masks_values_under_secret_names_in_json():
    clean = Redactor().object({"env": {"api_key": "plainvalue", "rank": "3"}, "lines": ["password=abcdef"]})

    assert clean == {"env": {"api_key": MASK, "rank": "3"}, "lines": [f"password={MASK}"]}


@pytest.mark.parametrize(
    "given",
    [{"dbPassword": "hunter2"}, {"token": ["hunter2"]}, {"name": "HF_TOKEN", "value": "hunter2"}],
    ids=["camel-case", "list", "environment-entry"],
)
def test_masks_a_secret_however_its_key_names_it(given):
    assert "hunter2" not in repr(Redactor().object(given))


@pytest.mark.parametrize(
    "hostile", ["secret", "-eyJaaaaaaaa", "token ", "authorization ", "://a", "--key-", "name: key "], ids=repr
)
def test_a_hostile_log_line_cannot_hold_it_up(hostile):
    line = hostile * (400_000 // len(hostile))

    assert len(Redactor().text(line)) <= len(line)


def test_half_a_character_does_not_break_what_comes_after():
    assert Redactor().text("cut \ud83d here").encode() == b"cut ? here"


def test_masks_what_the_operator_lists():
    redactor = Redactor(extra=(re.compile(r"customer-\d+"),))

    assert redactor.text("job of customer-4711 failed") == f"job of {MASK} failed"
