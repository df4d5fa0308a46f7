"""Long texts lose their secrets a piece at a time, and nothing is lost or left over where two pieces meet."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.redaction_in_pieces import PIECE, in_pieces

REDACTOR = Redactor()
LINE = "kernel: eth0: link is up\n"
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *["c2VjcmV0" * 8] * 180, "-----END PRIVATE KEY-----", ""])
SPLIT = "password:\n    hunter2hunter2\n"


def around(secret: str, at: int) -> str:
    """A secret so many characters before or after where the first piece would end."""
    before = (LINE * PIECE)[: PIECE - at].rpartition("\n")[0] + "\n"
    return before + secret + LINE * (3 * PIECE // len(LINE))


def test_a_text_without_secrets_stays_as_it_is():
    text = LINE * (4 * PIECE // len(LINE))

    assert in_pieces(REDACTOR, text) == text


@pytest.mark.parametrize("at", [0, 10, 20, 4000, 12_000])
@pytest.mark.parametrize("secret", [KEY, SPLIT], ids=["key", "two-lines"])
def test_a_secret_where_two_pieces_meet_goes_as_a_whole(secret, at):
    text = around(secret, at)

    assert in_pieces(REDACTOR, text) == REDACTOR.text(text)
    assert "c2VjcmV0" not in in_pieces(REDACTOR, text)


def test_one_line_without_an_end_is_cleaned_too():
    assert "hunter2" not in in_pieces(REDACTOR, "x" * (5 * PIECE) + " password=hunter2hunter2")


def test_a_key_that_never_ends_takes_its_piece_and_no_more():
    text = KEY.replace("-----END PRIVATE KEY-----", "") + LINE * (6 * PIECE // len(LINE))

    cleaned = in_pieces(REDACTOR, text)

    assert "c2VjcmV0" not in cleaned
    assert cleaned.endswith(LINE)
