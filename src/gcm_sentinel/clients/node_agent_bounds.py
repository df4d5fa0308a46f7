"""How much of an answer is kept. A stream has no end of its own, and an agent that was taken over need not end it."""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.domain.errors import BadResponse

MOST_LINES = 20_000
"""Of the kernel's log: an agent's own limit for one answer."""
MOST_FINDINGS = 10_000
"""Of one run: several times the SMs and formats of any GPU, and the stretches of its memory."""
MOST_FINDING_BYTES = 32 << 20
"""Of all of them: 3 KiB each, where one that failed takes some hundred bytes."""
MOST_PARTS = 1000
"""Of captured evidence."""
MOST_BYTES = 256 << 20
"""Of any answer, as it came over the wire."""


@dataclass(slots=True)
class Bound:
    """Counts what is kept of one answer."""

    what: str
    """For words, in the plural."""
    most: int
    most_bytes: int = MOST_BYTES

    def take(self, count: int, size_bytes: int) -> None:
        """Keep so many more.

        Raises:
            BadResponse: that is more than an agent sends.
        """
        self.most -= count
        self.most_bytes -= size_bytes
        if self.most < 0 or self.most_bytes < 0:
            raise BadResponse(f"the node's agent sent more {self.what} than any agent does; the rest was not read")
