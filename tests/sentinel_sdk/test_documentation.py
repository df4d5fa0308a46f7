"""The user guide names everything there is, and its examples run."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from tests.sentinel_sdk import gateway

import sentinel_sdk
from sentinel_sdk import InvalidArgumentError, RetryConfig, SentinelClient, TlsConfig, errors
from sentinel_sdk.ingest_awaiting import AsyncIngestStream
from sentinel_sdk.ingest_blocking import IngestStream
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


def _written(parameter):
    """An argument as the tables write it."""
    default = parameter.default
    if default is inspect.Parameter.empty:
        return parameter.name
    shown = default.name if isinstance(default, Enum) else f'"{default}"' if isinstance(default, str) else repr(default)
    return f"{parameter.name}={shown}"


def _arguments(method):
    return [_written(one) for one in inspect.signature(method).parameters.values() if one.name != "self"]


@pytest.mark.parametrize("name", sorted(name for name in METHODS if not (name[0] == "a" and name[1:] in METHODS)))
def test_the_arguments_of_every_operation_are_those_it_takes(name):
    if name == "connect":
        rows = re.findall(r"(?m)^\| `(\w+)`[^|]*\|", TEXT[TEXT.index("`connect` and `aconnect` take") :])
        assert set(inspect.signature(SentinelClient.connect).parameters) <= set(rows[:7])
    else:
        assert _row(name) == _arguments(getattr(SentinelClient, name))


@pytest.mark.parametrize("name", ["send", "send_all"])
def test_the_arguments_of_ingest_streams_are_those_they_take(name):
    assert _row(name) == _arguments(getattr(IngestStream, name)) == _arguments(getattr(AsyncIngestStream, name))


def _row(name):
    (row,) = re.findall(rf"(?m)^\| `{name}` \|([^|]*)\|", TEXT[TEXT.index("## Arguments") :])
    return re.findall("`([^`]*)`", row)


@pytest.mark.parametrize("config", [TlsConfig, RetryConfig], ids=lambda config: config.__name__)
def test_every_field_of_a_configuration_stands_with_its_default(config):
    table = TEXT[TEXT.index(f"| field of `{config.__name__}` |") :]

    for field in fields(config):
        shown = f"`{field.default!r}`" if field.default is not MISSING else "UNAVAILABLE, DEADLINE_EXCEEDED"
        assert f"| `{field.name}` | {shown}" in table


@pytest.mark.slow
def test_the_examples_run_one_after_the_other(plain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hmac-key").write_text("a-secret-of-the-agents\n")
    with SentinelClient.connect(plain.endpoint) as client:
        checkpoint = client.get_checkpoint()
    key = VerifierKey(checkpoint.note.splitlines()[0], checkpoint.public_key)
    space = {"TRUSTED_KEY": key.text}

    for example in EXAMPLES:
        exec(example.replace("localhost:50051", plain.endpoint), space)  # noqa: S102 - our own documentation

    assert len(EXAMPLES) == 10


@pytest.mark.slow
def test_the_example_of_signing_satisfies_a_gateway_that_asks_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = [one for one in EXAMPLES if "hmac_key" in one]
    (reporting,) = [one for one in EXAMPLES if one.startswith("from datetime import UTC, datetime\n")]
    with gateway.keyed_gateway(tmp_path, "a-secret-of-the-agents") as keyed:
        space: dict[str, Any] = {"SentinelClient": SentinelClient}
        exec(reporting.partition("with ")[0], space)  # noqa: S102 - our own documentation
        exec(example.replace("localhost:50051", keyed.endpoint), space)  # noqa: S102 - our own documentation

        with SentinelClient.connect(keyed.endpoint) as client, client.probe_stream("node-9") as unsigned:
            assert not unsigned.send([space["execution"]]).accepted
        with SentinelClient.connect(keyed.endpoint) as client, pytest.raises(InvalidArgumentError, match="hmac_key"):
            client.probe_stream("node-9", hmac_key="")
