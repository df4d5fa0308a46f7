"""Which lines a query wants."""

from __future__ import annotations

from sentinel_node.domain.kernel import KernelQuery, KernelRecord


class Selection:
    """A query, ready to be held against many lines."""

    def __init__(self, query: KernelQuery) -> None:
        self._query = query
        self._needles = tuple(text.casefold() for text in query.contains)

    def takes(self, record: KernelRecord) -> bool:
        """Whether the line is of the boot and the window, and contains one of the texts."""
        query = self._query
        if query.boot_id and record.boot_id != query.boot_id:
            return False
        if record.unix_ns < query.since_unix_ns or (query.until_unix_ns and record.unix_ns > query.until_unix_ns):
            return False
        if not self._needles:
            return True
        message = record.message.casefold()
        return any(needle in message for needle in self._needles)
