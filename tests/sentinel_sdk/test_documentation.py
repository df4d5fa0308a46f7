"""The user guide names everything there is, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sentinel_sdk
from sentinel_sdk import SentinelClient, errors
from sentinel_sdk.ledger.checkpoint import VerifierKey

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "sentinel-sdk.md").read_text()
EXAMPLES = re.findall(r"(?m)^```python\n(.*?)^```", TEXT, re.DOTALL)
PLUMBING = {"aclose", "aconnect", "close", "closed", "policy"}
METHODS = {name for name in dir(SentinelClient) if not name.startswith("_")} - PLUMBING
VARIABLES = ("ENDPOINT", "CA_CERT", "CLIENT_CERT", "CLIENT_KEY", "TIMEOUT", "MAX_RETRIES", "LOG_LEVEL", "TOKEN")


@pytest.mark.parametrize("name", sorted(name for name in METHODS if not (name[0] == "a" and name[1:] in METHODS)))
def test_every_operation_is_named(name):
    assert re.search(rf"\b{name}\b", TEXT)


@pytest.mark.parametrize("name", [name for name in vars(errors) if name.endswith("Error")])
def test_every_error_is_named_and_exported(name):
    assert f"`{name}`" in TEXT
    assert name in sentinel_sdk.__all__


@pytest.mark.parametrize("name", VARIABLES)
def test_every_environment_variable_is_named(name):
    assert f"`SENTINEL_{name}`" in TEXT


def test_the_examples_run_one_after_the_other(plain):
    with SentinelClient.connect(plain.endpoint) as client:
        checkpoint = client.get_checkpoint()
    key = VerifierKey(checkpoint.note.splitlines()[0], checkpoint.public_key)
    space = {"TRUSTED_KEY": key.text}

    for example in EXAMPLES:
        exec(example.replace("localhost:50051", plain.endpoint), space)  # noqa: S102 - our own documentation

    assert len(EXAMPLES) == 7
