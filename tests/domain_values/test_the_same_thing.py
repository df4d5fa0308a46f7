"""Whether two names of a part mean the same part."""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.domain.entity import gpu

HERE = replace(gpu("gpu-7", index=3), serial="1654922004712")


def test_a_gpu_that_moved_is_known_by_its_serial_number():
    there = replace(gpu("gpu-9", index=0), serial="1654922004712")

    assert HERE.same_as(there)


def test_another_serial_number_in_the_same_slot_is_another_gpu():
    assert not HERE.same_as(replace(HERE, serial="1654922009999"))


def test_two_gpus_of_one_board_share_its_serial_number():
    one, other = replace(HERE, uuid="GPU-a"), replace(HERE, uuid="GPU-b")

    assert not one.same_as(other)


def test_a_gpu_whose_serial_number_nobody_told_is_known_by_its_slot():
    assert HERE.same_as(gpu("gpu-7", index=3))
