"""A GPU's SM that reads memory wrongly is told as that SM, and its memory is not blamed."""

from __future__ import annotations

import pytest
from tests.gpu.devices import opened
from tests.gpu.fault_injection import CompileFaulty, stuck_bit
from tests.gpu.running import plan_of, run

from sentinel_node.domain.probes import Outcome, ProbeKind
from sentinel_node.probes.catalogue import PROBES
from sentinel_node.probes.memory import MEMORY

BIT = 20


@pytest.mark.parametrize("variant", MEMORY.variants, ids=lambda variant: variant.name)
def test_a_stuck_bit_of_one_sm_s_reads_is_told_as_that_sm(variant, gpu, identity) -> None:
    seen = run(plan_of(PROBES[ProbeKind.FMA].variants[0], gpu), gpu).findings
    sm = max(finding.sm or 0 for finding in seen if finding.outcome is Outcome.PASS)
    device = opened(identity, CompileFaulty(stuck_bit(sm, BIT, 1)))

    report = run(plan_of(variant, device), device)

    (found,) = (finding for finding in report.findings if finding.outcome is Outcome.FAIL)
    assert (found.sm, found.reason.partition(":")[0]) == (sm, "reader SM")
    assert found.mismatch_bits == 1 << BIT
