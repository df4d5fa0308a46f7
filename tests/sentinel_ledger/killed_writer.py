"""A process that appends until it is killed, and says after each commit up to which entry it is stored."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.sentinel_ledger.book import new_entries, opened


def main() -> None:
    """Append batches of 1 to 40 entries for ever."""
    url, folder = sys.argv[1:]
    with opened(url, Path(folder)) as book, book.writing() as writer:
        number = 0
        while True:
            number += 1
            done = book.append(writer, new_entries(number % 40 + 1, writer.size + 1))
            sys.stdout.write(f"{done.last_entry_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
