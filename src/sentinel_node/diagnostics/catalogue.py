"""Which checks there are. Nothing else of a machine can be asked for by name, and none of them changes anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sentinel_node.diagnostics import driver, fabric, gpu_checks, gpus, holders, host_memory, pcie
from sentinel_node.diagnostics.machine import Machine
from sentinel_node.domain.diagnosis import Diagnosis, Observation
from sentinel_node.domain.errors import NotFound
from sentinel_node.domain.seams import DiagnosticName


@dataclass(frozen=True, slots=True)
class Check:
    """One named check."""

    description: str
    """One sentence: what the answer tells."""
    look: Callable[[Machine], tuple[Observation, ...]]


CHECKS: Mapping[str, Check] = {
    "clocks": Check("What holds each GPU's clocks down, with heat and power.", gpu_checks.check_clocks),
    "driver": Check("Whether the driver's kernel module and library belong together.", driver.check),
    "fabric": Check("Whether each GPU is registered with its NVLink fabric.", fabric.check),
    "gpus": Check("Which GPUs the driver lists, and which are on the PCI bus but missing there.", gpus.check),
    "host_memory": Check(
        "What is left of the host's memory, and errors that its controllers counted.", host_memory.check
    ),
    "memory_errors": Check(
        "ECC errors, row remapping and page retirement of each GPU.", gpu_checks.check_memory_errors
    ),
    "nvlinks": Check("State and errors of each GPU's NVLinks, compared with its siblings.", gpu_checks.check_nvlinks),
    "pcie_errors": Check("PCIe errors that the kernel counted for each GPU and the port above it.", pcie.check_errors),
    "pcie_links": Check("Width and speed of each GPU's PCIe link against what both ends can.", pcie.check_links),
    "processes": Check("Which processes, pods and containers hold each GPU.", holders.check),
}


class NamedChecks:
    """Answers the questions of `CHECKS`; blocks."""

    def __init__(self, machine: Machine, unix_ns: Callable[[], int] = time.time_ns) -> None:
        self._machine = machine
        self._unix_ns = unix_ns

    def names(self) -> tuple[DiagnosticName, ...]:
        """What can be asked, in order of names."""
        return tuple(DiagnosticName(name, check.description) for name, check in CHECKS.items())

    def diagnose(self, name: str) -> Diagnosis:
        """Answer one.

        Raises:
            NotFound: there is none of this name.
            Unavailable: what it looks at is missing on this machine.
        """
        check = CHECKS.get(name)
        if check is None:
            raise NotFound(f"there is no diagnostic {name!r:.80}; there are {', '.join(CHECKS)}")
        started_unix_ns, started_ns = self._unix_ns(), time.monotonic_ns()
        observations = check.look(self._machine)
        return Diagnosis(name, observations, started_unix_ns, time.monotonic_ns() - started_ns)
