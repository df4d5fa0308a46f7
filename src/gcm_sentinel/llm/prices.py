"""What a turn costs. Prices come from the operator's settings; none are shipped, because they change and would lie.

The settings' shape, in USD per million tokens, model names as globs (an exact name wins, then the longest pattern)::

    prices:
      claude-sonnet-*: {input: 3.0, cached_input: 0.3, cache_write: 3.75, output: 15.0}
      my-local-model: {input: 0, output: 0}

A model without a price costs "unknown" (None), which is shown as such. Engines that call nobody cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.transcript import ModelTurn

FREE_ENGINES = frozenset({"playbook", "replay", "scripted"})

_MILLION = 1_000_000
_KEYS = ("input", "cached_input", "cache_write", "output")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """None: as `input`, which can only overstate the cost."""
    cache_write: float | None = None
    """None: as `input`."""


class PriceTable:
    """Prices by model name or glob; empty by default."""

    def __init__(self, settings: Mapping[str, Mapping[str, float]] | None = None) -> None:
        """From the settings' shape.

        Raises:
            BadConfiguration: an unknown key, a missing or impossible price; names the model.
        """
        self._prices = {model: _price(model, values) for model, values in (settings or {}).items()}

    def cost(self, turn: ModelTurn) -> float | None:
        """What one turn cost in USD; None when its model's price is not known or its server reported no usage."""
        if turn.engine in FREE_ENGINES:
            return 0.0
        usage, price = turn.usage, self._of(turn.model)
        if price is None or not usage.input_tokens + usage.output_tokens:
            return None
        plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
        cached = price.input if price.cached_input is None else price.cached_input
        written = price.input if price.cache_write is None else price.cache_write
        parts = (
            plain * price.input,
            usage.cached_tokens * cached,
            usage.cache_write_tokens * written,
            usage.output_tokens * price.output,
        )
        return sum(parts) / _MILLION

    def _of(self, model: str) -> Price | None:
        if model in self._prices:
            return self._prices[model]
        fitting = [pattern for pattern in self._prices if fnmatchcase(model, pattern)]
        return self._prices[max(fitting, key=len)] if fitting else None


def _price(model: str, values: Mapping[str, float]) -> Price:
    unknown = sorted(set(values) - set(_KEYS))
    if unknown:
        raise BadConfiguration(f"prices of {model!r}: unknown {', '.join(unknown)}; known are {', '.join(_KEYS)}")
    for key in ("input", "output"):
        if key not in values:
            raise BadConfiguration(f"prices of {model!r}: {key!r} is missing (USD per million tokens)")
    for key, value in values.items():
        if not math.isfinite(value) or value < 0:
            raise BadConfiguration(f"prices of {model!r}: {key} is {value!r}; USD per million tokens, 0 or more")
    return Price(**values)
