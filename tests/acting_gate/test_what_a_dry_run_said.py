"""What the API server would refuse is refused by the gate, so that no person is asked about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acting_gate.conftest import case_of, world

from gcm_sentinel.domain.dry_run import DryRun
from gcm_sentinel.domain.gate import Verdict, decide
from gcm_sentinel.domain.modes import Mode


def ruling(mode=Mode.EXECUTE, **said):
    return decide(replace(case_of(mode=mode), world=world(dry_run=DryRun(**said))))


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.EXECUTE])
def test_a_refusal_of_the_api_server_refuses_in_its_words(mode):
    found = ruling(mode, refusals=("PATCH /x: 403: no", "PATCH /y: 403: no"))

    assert found.verdict is Verdict.REFUSED
    assert found.reasons == ("the API server would refuse it: PATCH /x: 403: no (and 1 more of its requests)",)


def test_what_is_only_to_be_known_refuses_nothing():
    assert ruling(notes=("dry run: ml/web-1: would wait for budget keep-web",)).verdict is Verdict.ALLOWED
