"""The file of tokens: read again when it changes, refused where it cannot be read."""

from __future__ import annotations

import grpc
import pytest
from tests.sentinel_gateway.driving import WITHIN_S, Client, batch, settings

from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.app.settings import Access
from sentinel_gateway.app.tokens import Rules
from sentinel_gateway.domain.access import token_digest
from sentinel_gateway.domain.errors import BadConfiguration, Unauthenticated


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _line(token: str, roles: str = "viewer", name: str = "jane") -> str:
    return f"{token_digest(token)} {roles} {name}\n"


def test_a_token_that_is_taken_out_is_no_longer_taken(tmp_path):
    file, clock = tmp_path / "tokens", _Clock()
    file.write_text(_line("one") + _line("two", name="ann"))
    rules = Rules(Access(tokens_file=file), monotonic=clock)
    assert rules.current().caller(None, "two").name == "ann"

    file.write_text(_line("one"))
    clock.now = 10

    with pytest.raises(Unauthenticated):
        rules.current().caller(None, "two")


def test_a_file_that_broke_leaves_the_tokens_in_force(tmp_path):
    file, clock = tmp_path / "tokens", _Clock()
    file.write_text(_line("one"))
    rules = Rules(Access(tokens_file=file), monotonic=clock)

    file.write_text("half a li")
    clock.now = 10

    assert rules.current().caller(None, "one").name == "jane"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", ":1: expected"),
        ("\n" + _line("one", "king"), ":2: roles are"),
        (_line("one") + _line("one", name="ann"), "'jane' and 'ann'"),
        (_line("one", "responder", "sentinel-gateway"), ":1: 'sentinel-gateway' is the gateway's own name"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_the_start(tmp_path, text, words):
    (tmp_path / "tokens").write_text(text)

    with pytest.raises(BadConfiguration, match=words):
        Rules(Access(tokens_file=tmp_path / "tokens"))


async def test_a_stream_ends_at_its_next_message_once_its_token_is_taken_out(tmp_path, monkeypatch):
    monkeypatch.setattr("sentinel_gateway.app.tokens._LOOK_EVERY_S", 0)
    file = tmp_path / "tokens"
    file.write_text(_line("one", "agent"))
    wanted = settings(tmp_path, {"tls": {"enabled": False}, "access": {"tokens_file": file}}, insecure=False)
    async with (
        running_gateway(wanted) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        stream = Client(channel).probes.StreamProbeResults(
            metadata=(("authorization", "Bearer one"),), timeout=WITHIN_S
        )
        await stream.write(batch(sequence=1))
        await stream.read()
        file.write_text(_line("another", "agent"))
        await stream.write(batch(sequence=2))

        assert await stream.code() is grpc.StatusCode.UNAUTHENTICATED
