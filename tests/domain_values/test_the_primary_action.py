"""Which action stands for the whole list in an Event's one line."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.actions import Action, primary


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ((), Action.NONE),
        ((Action.CAPTURE_EVIDENCE, Action.CORDON, Action.DRAIN), Action.DRAIN),
        ((Action.CAPTURE_EVIDENCE, Action.WATCH, Action.RESET_GPU), Action.WATCH),
        ((Action.CORDON, Action.RESET_GPU, Action.WATCH), Action.CORDON),
        ((Action.CAPTURE_EVIDENCE,), Action.CAPTURE_EVIDENCE),
        ((Action.CAPTURE_EVIDENCE, Action.TELL_OWNER), Action.TELL_OWNER),
    ],
    ids=["nothing", "strongest", "wait-for-the-job", "act-then-watch", "only-capture", "not-the-capture"],
)
def test_is_the_strongest_unless_watching_comes_first(actions, expected):
    assert primary(actions) is expected
