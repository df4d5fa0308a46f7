"""Bearer tokens as they are sent, and the file that lists them."""

from __future__ import annotations

import pytest

from sentinel_serving.tokens import Listed, UnusableTokens, bearer_token, listed, minted, token_digest


@pytest.mark.parametrize(
    ("header", "token"), [(None, None), ("Bearer secret", "secret"), (" bearer  secret ", "secret")]
)
def test_the_token_of_a_header(header, token):
    assert bearer_token(header) == token


@pytest.mark.parametrize("header", ["", "secret", "Basic secret", "Bearer ", "Bearer"])
def test_a_header_that_is_no_bearer_token_is_refused(header):
    with pytest.raises(UnusableTokens, match="Bearer <token>"):
        bearer_token(header)


def test_a_token_that_is_made_is_known_by_its_line_and_not_in_it(tmp_path):
    token, line = minted(" ada of ops ", ["reader", "prober", "reader"])
    (tmp_path / "tokens").write_text(f"# who may\n\n  {line}\n")

    found = listed(tmp_path / "tokens", "tokens_file")

    place = f"{tmp_path / 'tokens'}:3"
    assert found == (Listed(token_digest(token), ("prober", "reader"), "ada of ops", place),)
    assert token not in line


@pytest.mark.parametrize("line", ["secret reader ada", f"{'0' * 64} reader", f"{'0' * 64} READER ada"])
def test_a_line_of_another_form_is_refused_with_its_place(tmp_path, line):
    (tmp_path / "tokens").write_text(f"# who may\n{line}\n")

    with pytest.raises(UnusableTokens, match="tokens:2: expected"):
        listed(tmp_path / "tokens", "tokens_file")


def test_a_file_that_cannot_be_read_is_named_with_its_setting(tmp_path):
    with pytest.raises(UnusableTokens, match="access.tokens_file .*none"):
        listed(tmp_path / "none", "access.tokens_file")


def test_no_file_lists_nobody():
    assert listed(None, "tokens_file") == ()
