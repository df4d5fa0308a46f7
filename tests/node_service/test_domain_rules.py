"""Leases and errors: what holds whoever asks."""

from __future__ import annotations

import inspect

import pytest
from grpc import StatusCode

from sentinel_node.app.exits import Exit, of_error
from sentinel_node.domain import errors
from sentinel_node.domain.errors import Busy, DeviceTimeout, NodeError, Refused
from sentinel_node.domain.leases import Leases
from sentinel_node.service.status import MAX_DETAIL, answer_of, code_of

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind is not NodeError]


def test_a_gpu_is_held_once_and_its_holder_is_named():
    leases = Leases()

    with leases.held("GPU-1", "the schedule (fma)"):
        with pytest.raises(Busy, match="the schedule"):
            leases.take("GPU-1", "ada")
        leases.take("GPU-2", "ada")
        assert leases.holders() == {"GPU-1": "the schedule (fma)", "GPU-2": "ada"}

    assert leases.holders() == {"GPU-2": "ada"}


def test_a_gpu_is_given_back_whatever_happens():
    leases = Leases()

    with pytest.raises(ZeroDivisionError), leases.held("GPU-1", "ada"):
        raise ZeroDivisionError

    assert leases.holders() == {}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_its_words_reach_the_caller_where_they_are_for_it(kind):
    code, words = answer_of(kind("its words"), "/m")

    assert code is code_of(kind(""))
    assert ("its words" in words) is (code is not StatusCode.INTERNAL)
    assert of_error(kind("")) in (Exit.USAGE, Exit.OUTSIDE)


def test_what_a_caller_can_do_decides_the_code():
    codes = {kind: code_of(kind("")) for kind in (Busy, Refused, DeviceTimeout)}

    assert codes == {
        Busy: StatusCode.RESOURCE_EXHAUSTED,
        Refused: StatusCode.FAILED_PRECONDITION,
        DeviceTimeout: StatusCode.UNAVAILABLE,
    }


def test_long_words_are_cut_so_that_the_code_still_arrives():
    assert len(answer_of(Refused("x" * 10_000), "/m")[1]) == MAX_DETAIL
