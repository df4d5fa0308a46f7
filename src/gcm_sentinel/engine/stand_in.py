"""Whether the playbook engine answered in the place of the engine that was wanted.

Asked when an assessment is stored: one that was a stand-in's is worth another look once the LLM can answer again. One
LLM answering for another is a fail-over and no stand-in.
"""

from __future__ import annotations

from gcm_sentinel.domain.assessment import Assessment, Outcome

PLAYBOOK = "playbook"
"""The engine that needs no provider and costs nothing."""


def stood_in(assessment: Assessment, wanted_engine: str) -> bool:
    """Whether the playbook engine gave `assessment` although `wanted_engine` was to; a failed one is nobody's."""
    answered = assessment.outcome is not Outcome.FAILED
    return answered and assessment.engine == PLAYBOOK and wanted_engine != PLAYBOOK
