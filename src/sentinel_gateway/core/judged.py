"""What is known of a batch of any kind once it was judged: its key, and what of it was refused why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sentinel_gateway.domain.batches import BatchKey


class Refusals:
    """What was refused, by short names for metrics and ledger, with the words of the first of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._words: dict[str, str] = {}

    def add(self, name: str, words: str, count: int = 1) -> None:
        """Refuse something."""
        self.counts[name] += count
        self._words.setdefault(name, words)

    def and_also(self, more: Refusals) -> Refusals:
        """Both together."""
        both = Refusals()
        both.counts = self.counts + more.counts
        both._words = {**more._words, **self._words}
        return both

    def words(self, total: int, what: str) -> str:
        """What the sender is told; empty where nothing was refused."""
        if not self.counts:
            return ""
        each = "; ".join(f"{count} {self._words[name]}" for name, count in self.counts.items())
        return f"{self.counts.total()} of {total} {what} refused: {each}"


@dataclass(slots=True)
class Judged:
    """A batch, judged."""

    key: BatchKey
    total: int
    """Executions, events or reports in it."""
    refusals: Refusals = field(default_factory=Refusals)
    late: Refusals = field(default_factory=Refusals)
    """What was refused for a reason that only showed in its round; made anew by each round that takes it."""

    @property
    def is_any_left(self) -> bool:
        """Whether not all of it was refused."""
        return self.refusals.counts.total() + self.late.counts.total() < self.total

    def words(self, what: str) -> str:
        """What the sender is told; empty where nothing was refused."""
        return self.refusals.and_also(self.late).words(self.total, what)


def refused_whole(key: BatchKey, total: int, words: str) -> Judged:
    """A batch whose own time cannot be believed."""
    judged = Judged(key, total)
    judged.refusals.add("clock", f"in a batch that is {words}", total)
    return judged
