"""The tokens file: one token a line, followed when it changes."""

from __future__ import annotations

import pytest

from sentinel_node.app.loading import load
from sentinel_node.app.minting import mint
from sentinel_node.app.rules import Rules
from sentinel_node.domain.access import EVERY_ROLE, Role
from sentinel_node.domain.errors import BadConfiguration, Invalid, Unauthenticated


@pytest.fixture
def tokens(tmp_path):
    return tmp_path / "tokens"


def rules(tokens) -> Rules:
    return Rules(load({}, {"tokens_file": tokens}))


def test_a_token_that_was_made_lets_its_holder_in(tokens):
    token, line = mint("ada of ops", ["prober", "reader"])
    tokens.write_text(f"# who\n\n{line}\n")

    caller = rules(tokens).current().caller(None, token)

    assert (caller.name, caller.roles) == ("ada of ops", EVERY_ROLE)
    assert token not in tokens.read_text()


def test_with_a_tokens_file_nobody_comes_in_without_one(tokens):
    tokens.write_text("")

    with pytest.raises(Unauthenticated):
        rules(tokens).current().caller(None, None)


def test_without_one_whoever_is_on_this_machine_may_all():
    assert Rules(load({})).current().caller(None, None).roles == EVERY_ROLE


def test_a_token_that_is_taken_out_lets_nobody_in_any_more(tokens):
    token, line = mint("ada", ["reader"])
    tokens.write_text(line + "\n")
    followed = rules(tokens)
    tokens.write_text("")

    with pytest.raises(Unauthenticated):
        followed.current().caller(None, token)


def test_a_file_that_cannot_be_used_leaves_the_tokens_in_force(tokens):
    token, line = mint("ada", ["reader"])
    tokens.write_text(line + "\n")
    followed = rules(tokens)
    tokens.write_text("nonsense\n")

    assert followed.current().caller(None, token).roles == {Role.READER}
    tokens.unlink()
    assert followed.current().caller(None, token).roles == {Role.READER}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("abc reader ada\n", "tokens:1"),
        (f"{'a' * 64} root ada\n", "roles are"),
        (f"{'a' * 64} reader ada\n{'a' * 64} reader bob\n", "the same token"),
    ],
    ids=["digest", "role", "twice"],
)
def test_a_line_that_cannot_be_is_named(tokens, text, words):
    tokens.write_text(text)

    with pytest.raises(BadConfiguration, match=words):
        rules(tokens)


@pytest.mark.parametrize(("name", "role"), [("", "reader"), ("a\nb", "reader"), ("ada", "root")])
def test_a_token_that_could_not_be_read_back_is_not_made(name, role):
    with pytest.raises(Invalid):
        mint(name, [role])
