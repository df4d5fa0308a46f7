"""What `CupyDevice` asks of CuPy, as CuPy 14 answers it: a driver that can be told to fail."""

from __future__ import annotations

from types import SimpleNamespace


class CUDARuntimeError(RuntimeError):
    def __init__(self, status):
        super().__init__(f"cudaError{status}")
        self.status = status


class CUDADriverError(RuntimeError):
    pass


class Kernel:
    """One of a `RawModule`."""

    shared_size_bytes = 1024

    def __init__(self, library):
        self._library = library
        self.max_dynamic_shared_size_bytes = 0

    def compile(self):
        self._library.asked.append("compile")

    def __call__(self, grid, block, arguments, shared_mem):
        self._library.launched.append((grid, block, arguments, shared_mem))


class Stream:
    ptr = 7

    def __init__(self, non_blocking):
        assert non_blocking

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


class Library:
    """The module `cupy`."""

    def __init__(self, *, statuses=(0,), free_error=None, malloc_error=None):
        self.asked: list[str] = []
        self.launched: list[object] = []
        self._statuses = list(statuses)
        self._errors = {"free": free_error, "malloc": malloc_error}
        attributes = {
            "MultiProcessorCount": 132,
            "MaxSharedMemoryPerMultiprocessor": 228 << 10,
            "MaxSharedMemoryPerBlockOptin": 227 << 10,
            "L2CacheSize": 60 << 20,
        }
        device = SimpleNamespace(attributes=attributes, use=lambda: None)
        self.cuda = SimpleNamespace(
            Device=lambda _index: device,
            Stream=Stream,
            driver=SimpleNamespace(CUDADriverError=CUDADriverError),
            runtime=SimpleNamespace(
                CUDARuntimeError=CUDARuntimeError,
                malloc=lambda _size: self._did("malloc", 4096),
                free=lambda _address: self._did("free", None),
                memcpyAsync=lambda *_: self._did("memcpyAsync", None),
                memcpyHostToDevice=1,
                streamQuery=self._status,
            ),
        )

    def RawModule(self, path):  # noqa: N802 - CuPy's own name
        self.asked.append(f"load {path}")
        return SimpleNamespace(get_function=lambda _entry: Kernel(self))

    def _status(self, _stream):
        """Returned and not raised, as CuPy does."""
        return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]

    def _did(self, name, answer):
        self.asked.append(name)
        if self._errors.get(name):
            raise CUDARuntimeError(self._errors[name])
        return answer
