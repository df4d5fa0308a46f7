"""How long a deep test must be, so that passing it means something.

An SM that fails a share p of its probes passes n of them with a chance of (1-p)^n. The test asks the blamed SM for
enough passes that the share observed before would have shown with 99 %: n = ln(100) / p. Every SM that is not blamed
passes often enough to bound its share of failures below 10 % with 95 % (the rule of three: 3 / n).
"""

from __future__ import annotations

import math

from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.domain.deep_tests import DeepTest
from sentinel_gateway.domain.sms import SmTable
from sentinel_gateway.model.evidence import accused
from sentinel_gateway.model.settings import ModelSettings

_MISSED = 0.01
OTHERS_NEED = 30
MOST_NEEDED = 100_000
"""Passes no test asks for more of: about four hours at a tenth of the documented periods."""


def begun(table: SmTable, sighted: int, now_ns: int, settings: ModelSettings) -> DeepTest:
    """The deep test of a GPU with this evidence against it; bit n of `sighted`: probe type n failed on it lately."""
    blamed = accused(table.trails, settings).sm_id
    trail = table.trails.get(WHOLE if blamed is None else blamed, ())
    failures = sum(burst.failures for burst in trail)
    results = failures + sum(burst.passes for burst in trail)
    share = failures / results if results else 1.0
    needed = math.ceil(math.log(1 / _MISSED) / share) if share else MOST_NEEDED
    sms = {*table.reporting()} if blamed is None else {*table.reporting(), blamed}
    per_sm = needed if blamed is not None else math.ceil(needed / max(1, len(sms)))
    types = sighted
    for burst in trail:
        types |= burst.types
    blamed_needs = min(MOST_NEEDED, max(settings.clear_passes, per_sm))
    return DeepTest(now_ns, blamed, blamed_needs, OTHERS_NEED, tuple(sorted(sms)), types)
