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
        "MMU Fault: ENGINE GRAPHICS GPCCLIENT_T1_6 faulted @ 0x7f5a_e7504000",
    ],
)
def test_leaves_gpu_facts_alone(text):
    assert Redactor().text(text) == text


def test_masks_values_under_secret_names_in_json():
    clean = Redactor().object({"env": {"api_key": "plainvalue", "rank": "3"}, "lines": ["password=abcdef"]})

    assert clean == {"env": {"api_key": MASK, "rank": "3"}, "lines": [f"password={MASK}"]}


def test_masks_what_the_operator_lists():
    redactor = Redactor(extra=(re.compile(r"customer-\d+"),))

    assert redactor.text("job of customer-4711 failed") == f"job of {MASK} failed"
