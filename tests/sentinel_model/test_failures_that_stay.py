"""Where many GPUs fail, failures that stay on one SM of a GPU outlast what power and cooling explain."""

from __future__ import annotations

import pytest

from sentinel_gateway.domain.acquittals import Acquittal, Span
from sentinel_gateway.domain.bursts import WHOLE, extended
from sentinel_gateway.domain.probes import ProbeResult, ProbeType
from sentinel_gateway.model.guards import Staying, outlasts
from sentinel_gateway.model.settings import ModelSettings

MINUTE_NS = 60 * 10**9
THREE_TYPES = 1 << ProbeType.FMA | 1 << ProbeType.TENSOR_CORE | 1 << ProbeType.AES
DEAD = Staying(sm_id=77, sms=132, bursts=9, probe_types=THREE_TYPES)


def test_a_dead_sm_among_many_others_outlasts_a_facility():
    assert outlasts(DEAD, [5, 9, 77, 101, 3], ModelSettings())


@pytest.mark.parametrize(
    "staying",
    [
        pytest.param(DEAD._replace(bursts=8), id="too few bursts to rule out chance"),
        pytest.param(
            DEAD._replace(probe_types=THREE_TYPES & ~(1 << ProbeType.AES)), id="as few probes as may be wrong"
        ),
        pytest.param(DEAD._replace(sms=1), id="a GPU of one SM, where nothing can be elsewhere"),
    ],
)
def test_it_is_not_believed_of(staying: Staying):
    assert not outlasts(staying, [5, 9, 101, 3], ModelSettings())


def test_an_sm_that_fails_on_many_gpus_is_no_defect():
    assert not outlasts(DEAD, [77, 9, 77, 101, 3, 77], ModelSettings())


def test_failures_of_probes_that_began_to_fail_at_different_times_are_all_acquitted():
    kinds = (ProbeType.FMA, ProbeType.AES, ProbeType.MEMORY)
    began = {kind: 5 * place * MINUTE_NS for place, kind in enumerate(kinds, 1)}
    failed = [
        (3, int(kind), int(ProbeResult.FAIL), minute * MINUTE_NS + place)
        for minute in range(5, 30)
        for place, kind in enumerate(kinds)
        if minute * MINUTE_NS >= began[kind]
    ]
    spans = {int(kind): Span(at + place, 30 * MINUTE_NS) for place, (kind, at) in enumerate(began.items())}

    assert Acquittal(spans).own(extended({}, failed)) == {}


def test_failures_from_before_their_probe_was_acquitted_stay_its_own():
    failed = [(3, int(ProbeType.FMA), int(ProbeResult.FAIL), minute * MINUTE_NS) for minute in (5, 10)]

    own = Acquittal({int(ProbeType.FMA): Span(10 * MINUTE_NS, 10 * MINUTE_NS)}).own(extended({}, failed))

    assert [burst.time_ns for burst in own[WHOLE]] == [5 * MINUTE_NS]
