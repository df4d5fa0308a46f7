"""Quotes are found in their evidence and shown with the lines around them."""

from __future__ import annotations

from gcm_sentinel.web import quotes
from gcm_sentinel.web.quotes import Piece

RAW = "one\ntwo  has   spaces\nthree\nfour\nfive\nsix: the end"


def marked(raw: str, *cited: str) -> list[list[Piece]]:
    return quotes.passages(raw, quotes.apart(quotes.find(raw, cited)))


def test_a_quote_is_marked_with_a_line_before_and_after() -> None:
    assert marked(RAW, "four") == [[Piece("three\n"), Piece("four", 0), Piece("\nfive")]]


def test_white_space_does_not_matter() -> None:
    assert marked(RAW, "two has\nspaces") == [[Piece("one\n"), Piece("two  has   spaces", 0), Piece("\nthree")]]


def test_neighbouring_quotes_share_a_passage_and_keep_their_numbers() -> None:
    passage = marked(RAW, "five", "three")

    assert [piece.quote for piece in passage[0]] == [None, 1, None, 0, None]
    assert "".join(piece.text for piece in passage[0]) == "two  has   spaces\nthree\nfour\nfive\nsix: the end"


def test_distant_quotes_have_passages_of_their_own() -> None:
    raw = "\n".join(f"line {number} end" for number in range(40))

    assert len(marked(raw, "line 3 end", "line 30 end")) == 2


def test_what_does_not_stand_there_is_not_marked() -> None:
    assert marked(RAW, "seven", "", "   ") == []


def test_special_characters_of_a_quote_are_only_characters() -> None:
    assert marked("a (b) [c] .* d", "(b) [c] .*")[0][1] == Piece("(b) [c] .*", 0)


def test_of_overlapping_quotes_the_first_is_marked() -> None:
    places = quotes.find(RAW, ["four five", "three four"])

    assert [place.quote for place in quotes.apart(places)] == [1]


def test_a_very_long_line_is_shown_in_part() -> None:
    raw = "x" * 100_000 + " needle " + "y" * 100_000

    passage = marked(raw, "needle")[0]

    assert len("".join(piece.text for piece in passage)) <= 806


def test_a_short_text_is_shown_whole_and_a_long_one_by_head_and_tail() -> None:
    assert quotes.head_and_tail(RAW) == (RAW, 0, "")
    head, left_out, tail = quotes.head_and_tail("a" * 10_000 + "z")
    assert (len(head), left_out, len(tail), tail[-1]) == (4000, 2001, 4000, "z")
