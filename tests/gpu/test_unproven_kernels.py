"""Kernels that were never on a GPU: each is its twin and passes with every seed, or says why it must stay unproven."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.gpu.running import UNPROVEN, name_of
from tests.gpu.unproven import NOT_HERE

from sentinel_node.probes.variant import Variant

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 300.0


@pytest.mark.parametrize("variant", UNPROVEN, ids=name_of)
def test_the_kernel_is_its_twin_and_passes_with_every_seed(variant: Variant, identity, tell) -> None:
    command = [sys.executable, "-m", "tests.gpu.unproven", variant.name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False)  # noqa: S603
    if done.returncode == NOT_HERE:
        pytest.skip(f"NOT TESTED ON A GPU: {done.stdout.strip()}")

    tell(f"on {identity.model}: {done.stdout.strip().splitlines()[-1:]}")
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}"
