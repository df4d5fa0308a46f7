"""Which checks there are, and how they answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pynvml
import pytest
from tests.node_diagnostics.conftest import Tree
from tests.node_telemetry.nvml_library import NvmlLibrary

from sentinel_node.diagnostics.catalogue import CHECKS, NamedChecks
from sentinel_node.diagnostics.machine import Machine
from sentinel_node.domain.diagnosis import Diagnosis, Observation, Status
from sentinel_node.domain.errors import NotFound, Unavailable
from sentinel_node.nvml.reader import NvmlReader


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NamedChecks]:
    """A machine without driver library and without a mounted sysfs."""

    def no_library(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", no_library)
    reader = NvmlReader()
    yield NamedChecks(Machine(reader, tmp_path))
    reader.close()


def test_names_are_told_in_order_each_with_a_sentence(checks: NamedChecks):
    names = [diagnostic.name for diagnostic in checks.names()]

    assert names == sorted(names)
    assert all(diagnostic.description.endswith(".") for diagnostic in checks.names())


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "host_memory"])
def test_a_healthy_node_is_well_in_every_respect(checks: NamedChecks, name: str):
    diagnosis = checks.diagnose(name)

    assert (diagnosis.name, diagnosis.status) == (name, Status.OK), diagnosis.observations


def test_a_name_that_is_none_is_not_found(checks: NamedChecks):
    with pytest.raises(NotFound, match="no diagnostic 'rm -rf'; there are clocks, driver, "):
        checks.diagnose("rm -rf")


@pytest.mark.parametrize("name", ["driver", "host_memory"])
def test_a_machine_without_anything_is_not_well(bare: NamedChecks, name: str):
    assert bare.diagnose(name).status is not Status.OK


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in ("driver", "host_memory")])
def test_a_machine_without_what_a_check_looks_at_says_what_is_missing(bare: NamedChecks, name: str):
    with pytest.raises(Unavailable, match=r"libnvidia-ml\.so\.1 was not found|mount the host's sysfs"):
        bare.diagnose(name)


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in ("driver", "gpus", "host_memory")])
def test_a_lost_gpu_is_not_well_in_any_respect(checks: NamedChecks, library: NvmlLibrary, tree: Tree, name: str):
    library.codes["nvmlDeviceGetHandleByIndex_v2", 0] = 15
    tree.plug("0000:3b:00.0", config=b"\xff\xff\xff\xff", current_link_width="0", aer_dev_fatal="DLP 1")

    assert checks.diagnose(name).status is not Status.OK


def test_a_diagnosis_is_as_grave_as_its_gravest_observation():
    def of(*statuses: Status) -> Status:
        return Diagnosis("x", tuple(Observation(status, "node", "") for status in statuses), 0, 0).status

    assert of(Status.OK, Status.UNKNOWN) is Status.UNKNOWN
    assert of(Status.UNKNOWN, Status.WARNING) is Status.WARNING
    assert of(Status.WARNING, Status.BAD, Status.OK) is Status.BAD
    assert of() is Status.UNKNOWN
