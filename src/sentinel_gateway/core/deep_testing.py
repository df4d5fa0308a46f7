"""Deep tests: which GPU is in one, since when, and what it must pass.

A GPU that was quarantined by the gateway's own evidence is tested without anybody asking (`ModelSettings`); what it
must pass is planned then, and stands with the GPU until the test begins.
"""

from __future__ import annotations

from dataclasses import replace

from sentinel_gateway.core import records
from sentinel_gateway.core.round import Round
from sentinel_gateway.domain.directives import DirectiveRecord
from sentinel_gateway.domain.gpus import GpuState
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.model.deep_tests import begun


def prepare(record: DirectiveRecord, round_: Round) -> None:
    """Plan the test of a GPU the gateway just quarantined, or begin that of one for which it was asked."""
    known = round_.gpus.get(record.directive.gpu.uuid)
    if known is None:
        return
    match record.directive.action:
        case Action.QUARANTINE if record.issued_by == round_.settings.name and round_.model.deep_test_automatic:
            _plan(known, round_)
        case Action.SCHEDULE_DEEP_TEST:
            _plan(known, round_)
            _tell_of_beginning(known, round_)


def keep_denial(record: DirectiveRecord, round_: Round) -> None:
    """Remember that a person denied what the gateway asked for because of a test: it is not to ask for it again."""
    known = round_.gpus.get(record.directive.gpu.uuid)
    is_own = record.issued_by == round_.settings.name
    if not is_own or known is None or known.deep_test is None or known.state is not HealthState.DEEP_TEST:
        return
    test = replace(known.deep_test, denied=known.deep_test.failures)
    round_.gpus.put(known.gpu.uuid, replace(known, deep_test=test))


def _plan(known: GpuState, round_: Round) -> None:
    uuid = known.gpu.uuid
    sighted = sum(1 << probe_type for probe_type in ProbeType if round_.sightings.get((uuid, probe_type)))
    test = begun(known.sms, sighted, round_.now_ns, round_.model)
    round_.gpus.put(uuid, replace(known, deep_test=test))


def _tell_of_beginning(known: GpuState, round_: Round) -> None:
    planned = round_.gpus.get(known.gpu.uuid)
    if planned is None or planned.deep_test is None:
        return
    test = planned.deep_test
    fields = {
        "sm_id": "" if test.blamed_sm is None else str(test.blamed_sm),
        "passes_needed": str(test.blamed_needs),
        "passes_needed_of_others": str(test.others_need),
        "sms": str(len(test.sms)),
    }
    round_.entries.append(records.system("deep_test.begun", fields, round_.now_ns, known.gpu))
