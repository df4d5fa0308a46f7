"""The driver's answers as values: which GPUs there are, how they do, and how they stand with the NVLink fabric.

The library stays open between readings, since opening it takes long without persistence mode. While open it holds
`/dev/nvidia*`, which refuses a GPU reset and the unloading of the driver: `release` lets go, the next reading opens it
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.fabric import GpuFabric
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.machine import DriverVersions
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.nvml.driver_thread import DriverThread
from sentinel_node.nvml.errors import GpuLost
from sentinel_node.nvml.fabric import read_fabric
from sentinel_node.nvml.identity import read_identity
from sentinel_node.nvml.sample import read_sample
from sentinel_node.nvml.session import Session, load_bindings

T = TypeVar("T")

DEADLINE = timedelta(seconds=10)
"""For all GPUs of a node together; a healthy driver answers in well under a second."""


class NvmlReader:
    """Reads the driver. Blocks until the deadline at most; may be asked from any thread."""

    def __init__(
        self,
        deadline: timedelta = DEADLINE,
        unix_ns: Callable[[], int] = time.time_ns,
        load: Callable[[], Any] = load_bindings,
    ) -> None:
        self._unix_ns = unix_ns
        self._thread = DriverThread(deadline)
        self._session = Session(self._thread.note, load)

    def identities(self) -> tuple[GpuIdentity, ...]:
        """Every GPU that answers, in the driver's order.

        Raises:
            Unavailable: no driver, or it does not answer.
        """
        return self._ask(_identities)

    def samples(self) -> tuple[GpuSample, ...]:
        """Every GPU now, in the driver's order; one that the driver has lost says so.

        Raises:
            Unavailable: no driver, or it does not answer.
        """
        return self._ask(self._samples)

    def fabric(self) -> tuple[GpuFabric, ...]:
        """How each GPU that answers stands with the NVLink fabric.

        Raises:
            Unavailable: no driver, or it does not answer.
        """
        return self._ask(lambda session: tuple(read_fabric(card, _driver(session)) for card in session.cards()))

    def versions(self) -> DriverVersions:
        """The driver's and its library's.

        Raises:
            Unavailable: no driver, or it does not answer.
        """
        return self._ask(_versions)

    def release(self) -> None:
        """Let go of the GPUs, so that they can be reset or the driver replaced; the next reading takes them again.

        Raises:
            Unavailable: the driver does not answer.
        """
        self._thread.run(self._session.close)

    def close(self) -> None:
        """Let go of the GPUs and end the thread; a hung driver is left behind."""
        with suppress(Unavailable):  # What does not answer cannot be let go of.
            self.release()
        self._thread.close()

    def _ask(self, work: Callable[[Session], T]) -> T:
        return self._thread.run(lambda: self._session.run(work))

    def _samples(self, session: Session) -> tuple[GpuSample, ...]:
        driver_version = _driver(session)
        return tuple(read_sample(card, self._unix_ns(), driver_version) for card in session.cards())


def _driver(session: Session) -> str:
    return session.ask("the driver's version", "nvmlSystemGetDriverVersion") or ""


def _identities(session: Session) -> tuple[GpuIdentity, ...]:
    driver_version = _driver(session)
    found: list[GpuIdentity] = []
    for card in session.cards():
        try:
            found.append(read_identity(card, driver_version))
        except GpuLost:
            continue  # It is in the samples, with the driver's word for it.
    return tuple(found)


def _versions(session: Session) -> DriverVersions:
    cuda: int = session.ask("CUDA's version", "nvmlSystemGetCudaDriverVersion_v2") or 0
    return DriverVersions(
        driver=_driver(session),
        library=session.ask("the library's version", "nvmlSystemGetNVMLVersion") or "",
        cuda=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else "",
    )
