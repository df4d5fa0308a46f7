"""One slip in the file of approvers locks out the people of that line and nobody else, and the log names the line."""

from __future__ import annotations

import hashlib

import pytest
from structlog.testing import capture_logs

from gcm_sentinel.app.approvers import Approvers, read_approvers
from gcm_sentinel.domain.errors import BadConfiguration

ADA, BOB, EVE = (f"{name}-has-a-long-enough-token" for name in ("ada", "bob", "eve"))


def line(token: str, name: str) -> str:
    return f"{hashlib.sha256(token.encode()).hexdigest()} {name}\n"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "approvers"


BAD = [
    "not a line\n",
    "a" * 63 + " eve\n",
    "0" * 64 + "\n",
    "0" * 64 + "  -\n",
    f"{EVE} eve\n",
    "0" * 64 + " e\x1bve\n",
]


@pytest.mark.parametrize("bad", BAD)
def test_the_good_lines_count(file, bad):
    file.write_text(line(ADA, "Ada Lovelace") + bad + line(BOB, "bob"))

    approvers = Approvers(file)

    assert [approvers.who(token) for token in (ADA, BOB, EVE)] == ["Ada Lovelace", "bob", None]


def test_a_line_that_is_not_utf_8_is_one_bad_line(file):
    file.write_bytes(line(ADA, "ada").encode() + line(EVE, "eve").encode().replace(b"eve", b"\xe9ve"))

    assert [Approvers(file).who(token) for token in (ADA, EVE)] == ["ada", None]


def test_lines_are_numbered_as_an_editor_does(file):
    file.write_text("# a\x0b\u2028comment\n\n" + line(ADA, "ada") + "not a line\r\n" + line(BOB, "bob"))

    assert [bad.number for bad in read_approvers(file).bad] == [4]


def test_the_token_of_two_people_is_nobodys_and_both_lines_are_named(file):
    file.write_text(line(ADA, "ada") + line(EVE, "eve") + "# on call\n" + line(EVE, "mallory").upper())

    approvers, bad = Approvers(file), read_approvers(file).bad

    assert [approvers.who(token) for token in (ADA, EVE)] == ["ada", None]
    assert [item.number for item in bad] == [2, 4]
    assert all("lines 2 and 4 have the same digest" in item.reason for item in bad)


def test_one_person_may_have_two_tokens(file):
    file.write_text(line(ADA, "ada") + line(BOB, "ada"))

    assert (read_approvers(file).people, read_approvers(file).bad) == (1, ())


def test_the_log_names_the_line_once_for_each_change_of_the_file(file):
    file.write_text(line(ADA, "ada"))
    approvers = Approvers(file)

    with capture_logs() as logs:
        for damage in (f"{EVE} eve\n", f"{EVE} eve\n\n"):
            file.write_text(line(ADA, "ada") + damage)
            assert [approvers.who(ADA) for _ in range(3)] == ["ada"] * 3

    told = [item for item in logs if item["event"] == "approvers.unreadable"]
    assert [item["line"] for item in told] == [2, 2]
    assert EVE not in repr(logs)


def test_a_file_that_went_away_is_logged_once_and_lets_nobody_decide(file):
    file.write_text(line(ADA, "ada"))
    approvers = Approvers(file)
    file.unlink()

    with capture_logs() as logs:
        assert [approvers.who(ADA) for _ in range(3)] == [None] * 3

    assert [item["event"] for item in logs] == ["approvers.unreadable"]


def test_a_bad_line_is_told_at_the_start_as_well(file):
    file.write_text("not a line\n" + line(ADA, "ada"))

    with capture_logs() as logs:
        Approvers(file)

    assert [(item["event"], item["line"]) for item in logs] == [("approvers.unreadable", 1)]


def test_a_file_of_bad_lines_alone_ends_the_start(file):
    file.write_text("not a line\n")

    with pytest.raises(BadConfiguration, match="line 1: expected"):
        Approvers(file)
