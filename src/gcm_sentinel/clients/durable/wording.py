"""What a vendor's error says, without what tells an operator nothing: statements, links to manuals, tracebacks.

The statement and its parameters are left out for another reason too: parameters are what a step recorded, which is
large, and none of the log's business.
"""

from __future__ import annotations

import re

_STATEMENT = re.compile(r"\n?\[SQL: .*?(?=\(Background on this error at: |\Z)", re.DOTALL)
_LINK = re.compile(r"\s*\(Background on this error at: [^)\s]*\)")
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):.*", re.DOTALL)


def plain(text: str) -> str:
    """`text` on one line."""
    for pattern in (_STATEMENT, _LINK, _TRACEBACK):
        text = pattern.sub("", text)
    return " ".join(text.split())
