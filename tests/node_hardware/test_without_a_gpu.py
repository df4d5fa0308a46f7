"""A missing GPU is told in words; where one is required, it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.outcomes import Failed, Skipped
from tests.gpu.presence import CHOSEN, REQUIRED, pick, present
from tests.gpu.tools import extra_for

from sentinel_node.domain.errors import Unavailable
from sentinel_node.probes.software.device import GPU

ROOT = Path(__file__).resolve().parents[2]
OTHER = replace(GPU, uuid="GPU-other", index=1)


def nowhere():
    raise Unavailable("the driver is missing")


def test_the_tests_are_skipped_with_the_reason():
    with pytest.raises(Skipped, match="NOT TESTED ON A GPU: the driver is missing"):
        present(nowhere, {})


def test_they_fail_with_the_reason_where_a_gpu_is_required():
    with pytest.raises(Failed, match="NOT TESTED ON A GPU: the driver is missing"):
        present(nowhere, {REQUIRED: "1"})


def test_a_gpu_is_the_first_or_the_one_asked_for():
    assert present(lambda: pick((GPU, OTHER), {}), {REQUIRED: "1"}) == GPU
    assert pick((GPU, OTHER), {CHOSEN: OTHER.uuid}) == OTHER


@pytest.mark.parametrize(
    ("gpus", "environment", "words"),
    [
        ((), {}, "no GPU"),
        ((GPU,), {CHOSEN: "GPU-lost"}, "no GPU GPU-lost"),
        ((replace(GPU, is_partitioned=True),), {}, "MIG"),
    ],
    ids=["none", "not the one asked for", "partitioned"],
)
def test_what_cannot_be_tested_is_told(gpus, environment, words):
    with pytest.raises(Unavailable, match=words):
        pick(gpus, environment)


@pytest.mark.slow
@pytest.mark.parametrize(("required", "ends_with"), [("", 0), ("1", 1)], ids=["skipped", "required"])
def test_a_run_without_a_gpu_is_never_silently_green(required, ends_with):
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": "", REQUIRED: required}
    test = "tests/gpu/test_a_healthy_gpu_passes.py::test_the_driver_names_the_gpu"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", test]

    done = subprocess.run(command, cwd=ROOT, env=hidden, capture_output=True, text=True, timeout=100, check=False)  # noqa: S603 - our own

    assert done.returncode == ends_with
    assert "NOT TESTED ON A GPU: " in done.stdout


@pytest.mark.parametrize(("cuda", "extra"), [("12.4", "cuda12"), ("13.0", "cuda13"), ("14.1", "cuda13")])
def test_the_extra_is_what_the_driver_can_run(cuda, extra):
    assert extra_for(cuda) == extra


@pytest.mark.parametrize("cuda", ["11.8", ""])
def test_a_driver_that_is_too_old_is_told(cuda):
    with pytest.raises(Unavailable, match="12 is the least"):
        extra_for(cuda)
