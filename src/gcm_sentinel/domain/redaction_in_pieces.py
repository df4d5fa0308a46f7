"""Secrets out of long text a piece at a time, so that whoever does it in a thread lets the others go on meanwhile.

A pattern holds the interpreter until it is through its text, and megabytes that somebody chose take it seconds. A piece
ends where a line does and where nothing is cut in two: what stands around the end must come out the same whether it is
cleaned as one or as two. Around is wider than any private key, so that none is left half.
"""

from __future__ import annotations

from collections.abc import Iterator

from gcm_sentinel.domain.redaction import Redactor

PIECE = 64 << 10
"""Characters of a piece, some tens of milliseconds of the worst text."""
AROUND = 16 << 10
"""Characters on either side of an end; of a private key there are 13,000 at most."""
_STEP = 4 << 10
_MOST_TRIES = 8


def in_pieces(redactor: Redactor, text: str) -> str:
    """`text` without secrets, as `redactor.text` gives it but for a key that never ends: that takes its piece along."""
    return "".join(redactor.text(piece) for piece in _pieces(redactor, text))


def _pieces(redactor: Redactor, text: str) -> Iterator[str]:
    begin = 0
    while len(text) - begin > 2 * PIECE:
        end = _end(redactor, text, begin)
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _end(redactor: Redactor, text: str, begin: int) -> int:
    """Where the piece from `begin` ends: at the first of some line ends that cuts nothing, or else at the last one."""
    end = begin + PIECE
    for _ in range(_MOST_TRIES):
        after = text.find("\n", end, end + AROUND)
        end = end + AROUND if after < 0 else after + 1
        before, beyond = text[max(begin, end - AROUND) : end], text[end : end + AROUND]
        if end >= len(text) or redactor.text(before + beyond) == redactor.text(before) + redactor.text(beyond):
            break
        end += _STEP
    return min(end, len(text))
