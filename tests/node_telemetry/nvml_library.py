"""The driver's library with the driver left out: C's interface, filled from a few values for each GPU.

It stands where pynvml keeps the loaded `libnvidia-ml.so.1`, so pynvml's own marshalling runs: arguments arrive as
ctypes values and references, results are written through them, and a return code is the answer. A function that a
library does not have is absent here too. `codes` makes a function fail for one GPU, or for all of them (index None);
`hanging` makes one wait until the event is set, as a driver does whose firmware has died.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pynvml
import pytest

SUCCESS: Final = 0
NOT_SUPPORTED: Final[int] = pynvml.NVML_ERROR_NOT_SUPPORTED
INSUFFICIENT_SIZE: Final[int] = pynvml.NVML_ERROR_INSUFFICIENT_SIZE
INVALID_ARGUMENT: Final[int] = pynvml.NVML_ERROR_INVALID_ARGUMENT
UNINITIALIZED: Final[int] = pynvml.NVML_ERROR_UNINITIALIZED

UNSIGNED_INT, UNSIGNED_LONG_LONG = 1, 3


@dataclass
class Link:
    """An NVLink as the driver tells of it; error counters by field value."""

    active: int = 1
    fields: dict[int, int] = field(default_factory=lambda: {161: 0, 162: 0, 163: 0})
    old_counters: dict[int, int] = field(default_factory=dict)
    remote: str = "00000000:C5:00.0"


@dataclass
class Gpu:
    """An H100 that is healthy."""

    index: int
    numbers: dict[str, int] = field(default_factory=dict)
    fields: dict[int, int] = field(default_factory=dict)
    ecc: dict[tuple[int, int, int], int] = field(default_factory=dict)
    ecc_places: tuple[int, ...] = (2, 7)
    links: list[Link] = field(default_factory=lambda: [Link() for _ in range(18)])
    processes: list[int] = field(default_factory=list)
    mps_processes: list[int] = field(default_factory=list)
    retired: dict[int, list[int]] | None = None
    remapped: tuple[int, int, int, int] | None = (0, 0, 0, 0)
    spare_rows: tuple[int, int, int, int, int] = (2560, 0, 0, 0, 0)
    sram: dict[str, int] | None = field(default_factory=dict)
    fabric: dict[str, int] | None = field(default_factory=lambda: {"state": 3, "cliqueId": 1})
    mig: int | None = 0
    cores: int | None = 16_896
    load: int = 97
    serial: bytes = b"1654922006034"

    @property
    def uuid(self) -> str:
        return f"GPU-{self.index:08x}-0000-4000-8000-000000000000"


_NUMBERS = {
    "nvmlDeviceGetFanSpeed": None,
    "nvmlDeviceGetPowerUsage": 71_250,
    "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetCurrPcieLinkGeneration": 5,
    "nvmlDeviceGetCurrPcieLinkWidth": 16,
    "nvmlDeviceGetPcieReplayCounter": 0,
    "nvmlDeviceGetCurrentClocksEventReasons": 1,
    "nvmlDeviceGetRetiredPagesPendingStatus": None,
}
_FIELDS = {82: 40, 91: 18, 230: 0}
_CLOCKS = {1: 345, 2: 2619}


class NvmlLibrary:
    """Answers as `libnvidia-ml.so.1` does."""

    def __init__(self, gpus: list[Gpu]) -> None:
        self.gpus = gpus
        self.codes: dict[tuple[str, int | None], int] = {}
        self.init_codes: list[int] = []
        self.absent: set[str] = set()
        self.hanging: dict[str, threading.Event] = {}
        self.is_open = False
        self.opened = 0
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., int]:
        method = getattr(type(self), f"_{name}", None)
        if name in self.absent or not (name in _NUMBERS or method is not None):
            raise AttributeError(name)

        def function(*arguments: Any) -> int:
            return self._answer(name, method, arguments)

        return function

    def _answer(self, name: str, method: Callable[..., Any] | None, arguments: tuple[Any, ...]) -> int:
        self.calls.append(name)
        if name in self.hanging:
            self.hanging[name].wait()
        if not self.is_open and name not in ("nvmlInitWithFlags", "nvmlErrorString"):
            return UNINITIALIZED
        gpu = _gpu_of(self, arguments)
        code = self.codes.get((name, gpu.index if gpu else None)) or self.codes.get((name, None))
        if code:
            return code
        if method is not None:
            answer: int = method(self, *((gpu, *arguments[1:]) if gpu else arguments))
            return answer
        assert gpu is not None
        return _number(gpu.numbers.get(name, _NUMBERS[name]), arguments[-1])

    def _nvmlInitWithFlags(self, flags: int) -> int:  # noqa: N802 - named as in C, and so are the next
        code = self.init_codes.pop(0) if self.init_codes else SUCCESS
        if code == SUCCESS:
            self.is_open, self.opened = True, self.opened + 1
        return code

    def _nvmlShutdown(self) -> int:  # noqa: N802
        self.is_open = False
        return SUCCESS

    def _nvmlErrorString(self, code: int) -> bytes:  # noqa: N802
        return f"Error {code}".encode()

    def _nvmlSystemGetDriverVersion(self, buffer: Any, size: Any) -> int:  # noqa: N802
        return _text(b"580.95.05", buffer)

    def _nvmlSystemGetNVMLVersion(self, buffer: Any, size: Any) -> int:  # noqa: N802
        return _text(b"13.580.95.05", buffer)

    def _nvmlSystemGetCudaDriverVersion_v2(self, version: Any) -> int:  # noqa: N802
        return _number(13000, version)

    def _nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        return _number(len(self.gpus), count)

    def _nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:  # noqa: N802
        code = self.codes.get(("nvmlDeviceGetHandleByIndex_v2", index.value))
        if not code:
            ctypes.memmove(handle, ctypes.byref(ctypes.c_void_p(index.value + 1)), ctypes.sizeof(ctypes.c_void_p))
        return code or SUCCESS

    def _nvmlDeviceGetName(self, gpu: Gpu, buffer: Any, size: Any) -> int:  # noqa: N802
        return _text(b"NVIDIA H100 80GB HBM3", buffer)

    def _nvmlDeviceGetUUID(self, gpu: Gpu, buffer: Any, size: Any) -> int:  # noqa: N802
        return _text(gpu.uuid.encode(), buffer)

    def _nvmlDeviceGetSerial(self, gpu: Gpu, buffer: Any, size: Any) -> int:  # noqa: N802
        return _text(gpu.serial, buffer)

    def _nvmlDeviceGetVbiosVersion(self, gpu: Gpu, buffer: Any, size: Any) -> int:  # noqa: N802
        return _text(b"96.00.74.00.01", buffer)

    def _nvmlDeviceGetPciInfo_v3(self, gpu: Gpu, info: Any) -> int:  # noqa: N802
        info._obj.busId = f"00000000:{0x1B + 0x10 * gpu.index:02X}:00.0"
        return SUCCESS

    def _nvmlDeviceGetMemoryInfo(self, gpu: Gpu, memory: Any) -> int:  # noqa: N802
        memory._obj.total, memory._obj.used = 80 << 30, 3 << 30
        return SUCCESS

    def _nvmlDeviceGetCudaComputeCapability(self, gpu: Gpu, major: Any, minor: Any) -> int:  # noqa: N802
        return _number(9, major) or _number(0, minor)

    def _nvmlDeviceGetNumGpuCores(self, gpu: Gpu, cores: Any) -> int:  # noqa: N802
        return _number(gpu.cores, cores)

    def _nvmlDeviceGetMigMode(self, gpu: Gpu, current: Any, pending: Any) -> int:  # noqa: N802
        return _number(gpu.mig, current) or _number(gpu.mig, pending)

    def _nvmlDeviceGetTemperatureV(self, gpu: Gpu, temperature: Any) -> int:  # noqa: N802
        temperature._obj.temperature = 31
        return SUCCESS

    def _nvmlDeviceGetTemperature(self, gpu: Gpu, sensor: Any, temperature: Any) -> int:  # noqa: N802
        return _number(32, temperature)

    def _nvmlDeviceGetUtilizationRates(self, gpu: Gpu, rates: Any) -> int:  # noqa: N802
        rates._obj.gpu, rates._obj.memory = gpu.load, 41
        return SUCCESS

    def _nvmlDeviceGetClockInfo(self, gpu: Gpu, clock: Any, mhz: Any) -> int:  # noqa: N802
        return _number(_CLOCKS[clock.value], mhz)

    def _nvmlDeviceGetMemoryErrorCounter(self, gpu: Gpu, error: Any, counter: Any, place: Any, count: Any) -> int:  # noqa: N802
        if place.value not in gpu.ecc_places:
            return NOT_SUPPORTED
        return _number(gpu.ecc.get((error.value, counter.value, place.value), 0), count)

    def _nvmlDeviceGetSramEccErrorStatus(self, gpu: Gpu, status: Any) -> int:  # noqa: N802
        return _structure(gpu.sram, status)

    def _nvmlDeviceGetRemappedRows(self, gpu: Gpu, *rows: Any) -> int:  # noqa: N802
        for value, row in zip(gpu.remapped or (None,) * 4, rows, strict=True):
            if _number(value, row):
                return NOT_SUPPORTED
        return SUCCESS

    def _nvmlDeviceGetRowRemapperHistogram(self, gpu: Gpu, banks: Any) -> int:  # noqa: N802
        return _structure(dict(zip(("max", "high", "partial", "low", "none"), gpu.spare_rows, strict=True)), banks)

    def _nvmlDeviceGetRetiredPages(self, gpu: Gpu, cause: Any, count: Any, pages: Any) -> int:  # noqa: N802
        if gpu.retired is None:
            return NOT_SUPPORTED
        found = gpu.retired.get(cause.value, [])
        count._obj.value = len(found)
        if pages is None:
            return INSUFFICIENT_SIZE
        for place, page in enumerate(found):
            pages[place] = page
        return SUCCESS

    def _nvmlDeviceGetNvLinkState(self, gpu: Gpu, link: int, active: Any) -> int:  # noqa: N802
        return INVALID_ARGUMENT if link >= len(gpu.links) else _number(gpu.links[link].active, active)

    def _nvmlDeviceGetNvLinkErrorCounter(self, gpu: Gpu, link: int, counter: int, count: Any) -> int:  # noqa: N802
        return _number(gpu.links[link].old_counters.get(counter), count)

    def _nvmlDeviceGetNvLinkRemotePciInfo_v2(self, gpu: Gpu, link: int, info: Any) -> int:  # noqa: N802
        info._obj.busId = gpu.links[link].remote
        return SUCCESS

    def _nvmlDeviceGetFieldValues(self, gpu: Gpu, count: Any, values: Any) -> int:  # noqa: N802
        for place in range(count.value):
            self._fill_field(gpu, values._obj[place])
        return SUCCESS

    def _fill_field(self, gpu: Gpu, value: Any) -> None:
        known = {**_FIELDS, 91: len(gpu.links), **gpu.fields}.get(value.fieldId)
        if known is None and value.scopeId < len(gpu.links):
            known = gpu.links[value.scopeId].fields.get(value.fieldId)
        value.nvmlReturn = self.codes.get((f"field {value.fieldId}", gpu.index), 0)
        if known is None:
            value.nvmlReturn = NOT_SUPPORTED
        elif known > 0xFFFFFFFF:
            value.valueType, value.value.ullVal = UNSIGNED_LONG_LONG, known
        else:
            value.valueType, value.value.uiVal = UNSIGNED_INT, known

    def _nvmlDeviceGetComputeRunningProcesses_v3(self, gpu: Gpu, count: Any, processes: Any) -> int:  # noqa: N802
        return _processes(gpu.processes, count, processes)

    def _nvmlDeviceGetMPSComputeRunningProcesses_v3(self, gpu: Gpu, count: Any, processes: Any) -> int:  # noqa: N802
        return _processes(gpu.mps_processes, count, processes)

    def _nvmlDeviceGetGpuFabricInfoV(self, gpu: Gpu, info: Any) -> int:  # noqa: N802
        return _structure(gpu.fabric, info)


def _gpu_of(library: NvmlLibrary, arguments: tuple[Any, ...]) -> Gpu | None:
    if not arguments or not isinstance(arguments[0], pynvml.c_nvmlDevice_t):
        return None
    address = ctypes.cast(arguments[0], ctypes.c_void_p).value
    assert address is not None
    return library.gpus[address - 1]


def _processes(pids: list[int], count: Any, processes: Any) -> int:
    count._obj.value = len(pids)
    if not pids:
        return SUCCESS
    if processes is None:
        return INSUFFICIENT_SIZE
    for place, pid in enumerate(pids):
        processes[place].pid = pid
    return SUCCESS


def _number(value: int | None, reference: Any) -> int:
    if value is None:
        return NOT_SUPPORTED
    reference._obj.value = value
    return SUCCESS


def _text(text: bytes, buffer: Any) -> int:
    buffer.value = text
    return SUCCESS


def _structure(values: dict[str, int] | None, reference: Any) -> int:
    if values is None:
        return NOT_SUPPORTED
    for name, value in values.items():
        setattr(reference._obj, name, value)
    return SUCCESS


@contextmanager
def loaded(gpus: int = 8) -> Iterator[NvmlLibrary]:
    """A library with so many GPUs, where pynvml looks for the real one."""
    library = NvmlLibrary([Gpu(index) for index in range(gpus)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pynvml, "nvmlLib", library)
        patch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        yield library
