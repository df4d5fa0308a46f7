"""A machine with a GPU may be there for minutes: kernels come along compiled, and what says most is tested first."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.gpu import conftest, devices, measure, unproven
from tests.gpu.running import UNPROVEN
from tests.node_probes.gpus import gpu

from sentinel_node.probes.software.faults import StuckBit

ROOT = Path(__file__).resolve().parents[2]
GPU_TESTS = ROOT / "tests" / "gpu"


@dataclass
class Item:
    nodeid: str
    path: Path = GPU_TESTS / "test_some.py"


def test_kernels_are_kept_where_somebody_says_and_elsewhere_for_other_sources(tmp_path, monkeypatch):
    assert devices.kept({}) is None
    first = devices.kept({devices.KERNELS: str(tmp_path)})
    (tmp_path / "changed.cu").write_text("")
    monkeypatch.setattr(devices, "CUDA_FOLDER", tmp_path)

    assert first is not None
    assert first.parent == tmp_path
    assert devices.kept({devices.KERNELS: str(tmp_path)}) != first


def test_twins_come_first_and_many_runs_last_and_other_folders_keep_their_places():
    many, twins, cancel = (
        Item("x::test_a_thousand_light_runs"),
        Item("test_the_kernels_are_their_twins::x"),
        Item("x::y"),
    )
    elsewhere = Item("x::test_a_thousand_light_runs", ROOT / "tests" / "x.py")
    items: Any = [many, elsewhere, cancel, twins]

    conftest.pytest_collection_modifyitems(items)

    assert items == [twins, elsewhere, cancel, many]


@pytest.mark.slow
def test_a_kernel_that_is_not_proven_is_held_against_its_twin_and_run_with_many_seeds(monkeypatch):
    variant = UNPROVEN[2]
    monkeypatch.setattr(unproven, "MANY_SEEDS", (0,))

    assert list(unproven.wrong_with(variant, gpu(sm_count=1))) == []
    told = list(unproven.wrong_with(variant, gpu(StuckBit(sm=0, bit=3), sm_count=1)))
    assert [each.split(": ")[0] for each in told] == ["seed 1", f"seed {2**63}", "seed 0"]


@pytest.mark.slow
def test_rates_of_kernels_that_do_not_pass_are_told_with_the_reason(monkeypatch):
    monkeypatch.setattr(measure, "TENSOR_SOAK_S", 0.0)

    table = measure.tensor_rates("x", UNPROVEN[2:3], gpu(StuckBit(sm=0, bit=3), sm_count=1), lambda _: 1.0)

    (row,) = table.rows
    assert row[-1].startswith("error: this kernel was not proven on a GPU yet")
    assert len(row) == len(table.head)


@pytest.mark.slow
def test_the_whole_folder_is_collected_with_the_twins_first():
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "gpu",
        "tests/gpu",
        "-q",
        "--collect-only",
        "-p",
        "no:cacheprovider",
    ]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603

    collected = [line for line in done.stdout.splitlines() if "::" in line]
    assert "their_twins" in collected[0]
    assert "thousand" in collected[-1]
    assert [line for line in collected if "wgmma" in line and "test_unproven_kernels" not in line] == []
