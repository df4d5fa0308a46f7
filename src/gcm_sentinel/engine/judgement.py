"""A submission judged: parsed, its claims checked against the evidence, accepted or sent back with the reasons.

Pure. A model is given a chance to mend what would be struck; at its last one the submission stands, without what did
not hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.domain.errors import Rejected
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.domain.transcript import ToolCall, Transcript
from gcm_sentinel.engine.claims import Checked, check
from gcm_sentinel.engine.submission import parse


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a submission."""

    checked: Checked | None
    """None when it goes back."""
    refusal: str = ""
    """Why it goes back, in words the model can act on."""


def judge(call: ToolCall, transcript: Transcript, *, last_try: bool) -> Judged:
    """Accept a call of submit_assessment, or say why it goes back; what cannot be parsed goes back always."""
    try:
        if call.malformed is not None:
            raise Rejected(f"the arguments are not a JSON object: {call.malformed[:300]!r}")
        draft = parse(call.arguments)
    except Rejected as error:
        return Judged(None, f"{error}\nCorrect it and call submit_assessment again.")
    evidence = transcript.evidence
    incident = transcript.incident
    checked = check(draft, evidence, Observed.of(incident, evidence), nodes=incident.affected)
    if checked.clean or last_try:
        return Judged(checked)
    reasons = [f"- claim {item.claim.text[:200]!r}: {item.reason}" for item in checked.struck]
    reasons += [f"- {note}" for note in checked.notes]
    return Judged(None, "These would be struck; support or drop them, then submit again:\n" + "\n".join(reasons))
