"""What a run has spent, and whether another case may be begun.

A ceiling that counts too little is none. So whatever may have been paid for counts: attempts that came to nothing
count as much as a case may cost, and so do answers whose server tells no usage; where money is bounded, the first
answer of unknown price ends the run.
"""

from __future__ import annotations

from gcm_sentinel.app.eval_plan import FREE, EvalPlan
from gcm_sentinel.app.models import chosen_engine
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.evals.case_record import CaseRecord


class Purse:
    """The spending of one run."""

    def __init__(self, plan: EvalPlan) -> None:
        self._ceilings = plan.ceilings
        self._is_free = chosen_engine(plan.settings) == FREE
        limits = plan.settings.limits
        given = plan.ceilings
        self._case = Limits(
            tokens=limits.tokens if given.case_tokens is None else given.case_tokens,
            cost_usd=limits.cost_usd if given.case_usd is None else given.case_usd,
        )
        self._tokens = 0
        self._usd = 0.0
        self._unknown = ""

    def spend(self, record: CaseRecord) -> None:
        """One more attempt at a case was made, and perhaps paid for."""
        if self._is_free:
            return
        tokens = record.measures.tokens if record.measures else 0
        if tokens:
            self._tokens += tokens
        elif self._case.tokens:
            self._tokens += self._case.tokens
        elif self._ceilings.run_tokens is not None:
            self._unknown = (
                f"what {record.name} seed {record.seed} took is not known (--max-tokens; a case has no limit)"
            )
        self._pay(record)

    def _pay(self, record: CaseRecord) -> None:
        if record.measures and record.measures.cost_usd is not None:
            self._usd += record.measures.cost_usd
        elif record.measures is None and self._case.cost_usd:
            self._usd += self._case.cost_usd
        elif self._ceilings.in_money:
            self._unknown = (
                f"what {record.name} seed {record.seed} cost is not known, so that no ceiling in USD can be kept; "
                "set GCM_SENTINEL_PRICES, or use a ceiling in tokens"
            )

    @property
    def reached(self) -> str:
        """Why no other case may be begun, as a sentence; empty while there is room."""
        tokens, usd = self._ceilings.run_tokens, self._ceilings.run_usd
        if self._unknown:
            return self._unknown
        if tokens is not None and self._tokens >= tokens:
            return f"{self._tokens} tokens are spent, {tokens} may be (--max-tokens)"
        if usd is not None and self._usd >= usd:
            return f"{self._usd:.4f} USD are spent, {usd:g} may be (--max-cost-usd)"
        return ""

    def has_room(self) -> bool:
        """Whether another case may be begun."""
        return not self.reached
