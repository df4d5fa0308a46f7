"""When Python looks for garbage in cycles: rarely, for a full look stops every thread of a large gateway for long.

What is loaded at the start stays and need not be looked at. What rounds make goes by itself when nothing names it; only
cycles wait, such as those of failed calls, and few of them outlive the two short looks before a full one.
"""

from __future__ import annotations

import gc

_THRESHOLDS = (10_000, 20, 20)
"""New objects before the first short look, short looks before a longer one, longer ones before a full one."""


def collect_rarely() -> None:
    """Look for cycles rarely from now on, and never in what is there already. Call it once, when all is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
