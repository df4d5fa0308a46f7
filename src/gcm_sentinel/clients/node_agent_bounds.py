"""How much of an answer is kept. A stream has no end of its own, and an agent that was taken over need not end it."""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.domain.errors import BadResponse

MOST_LINES = 20_000
"""Of the kernel's log: an agent's own limit for one answer."""
MOST_FINDINGS = 10_000
"""Of one run: several times the SMs and formats of any GPU, and the stretches of its memory."""
MOST_FINDING_BYTES = 8 << 20
"""Of all of them: 800 bytes each, where one that failed takes some hundred."""
MOST_PARTS = 1000
"""Of captured evidence."""
MOST_BYTES = 16 << 20
"""Of any answer that is kept, as it came over the wire: 20,000 lines of 800 bytes. As values it takes some times that,
of every call under way, in a process that has 512 MiB."""


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
