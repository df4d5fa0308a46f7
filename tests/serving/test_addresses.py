"""Where a server listens, as a setting has it."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sentinel_serving.setting_values import Address, ListenAddress, MaybeAddress


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9102", "127.0.0.1", 9102),
        ("[::1]:0", "::1", 0),
        (" :50051 ", "0.0.0.0", 50051),
        ("node-1.example.com:65535", "node-1.example.com", 65535),
    ],
)
def test_an_address_is_host_and_port(text, host, port):
    assert TypeAdapter(ListenAddress).validate_python(text) == Address(host, port)


@pytest.mark.parametrize("text", ["9102", "host:", "host:65536", "host:x", "::1:9102", ""])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValidationError):
        TypeAdapter(ListenAddress).validate_python(text)


def test_an_empty_text_is_none_where_there_may_be_none():
    assert TypeAdapter(MaybeAddress).validate_python("") is None


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("node-1", False)],
)
def test_only_this_machine_reaches_loopback(host, is_loopback):
    assert Address(host, 1).is_loopback is is_loopback


def test_an_address_is_shown_as_it_is_written():
    assert [str(Address("::1", 1)), str(Address("127.0.0.1", 2))] == ["[::1]:1", "127.0.0.1:2"]
