"""The driver's library, opened once and opened anew when the driver was replaced below it.

Everything here blocks and runs on the driver's thread. pynvml is imported on first use, so that a machine without it,
or without a driver, hears what is missing instead of failing at import.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from sentinel_node.domain.errors import Unavailable
from sentinel_node.nvml.card import Card
from sentinel_node.nvml.errors import SessionStale, Trouble, advice_for, trouble_of

T = TypeVar("T")


def load_bindings() -> Any:  # noqa: ANN401 - the module, which has no types
    """The module pynvml.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        return importlib.import_module("pynvml")
    except ModuleNotFoundError as error:
        raise Unavailable("the package nvidia-ml-py is not installed; install gcm-sentinel[node]") from error


class Session:
    """An open library and the GPUs it lists."""

    def __init__(self, note: Callable[[str], None], load: Callable[[], Any] = load_bindings) -> None:
        self._note = note
        self._load = load
        self._nvml: Any = None  # the module while the library is open, else None

    def run(self, work: Callable[[Session], T]) -> T:
        """What `work` returns; done a second time with the library opened anew where it was stale.

        Raises:
            Unavailable: the library cannot be opened, or is stale again.
        """
        try:
            self._open()
            return work(self)
        except SessionStale:
            self.close()
        try:
            self._open()
            return work(self)
        except SessionStale as error:
            self.close()
            raise _unusable(error.code, str(error)) from error

    def cards(self) -> list[Card]:
        """Every GPU in the driver's order; one that cannot be reached is among them, and says so when asked.

        Raises:
            SessionStale: the library must be opened anew.
            Unavailable: the driver does not say how many there are, which is not none.
        """
        try:
            count: int = self._asked("the number of GPUs", "nvmlDeviceGetCount")
        except self._nvml.NVMLError as error:
            raise _unusable(error.value, str(error)) from error
        return [Card(self._nvml, index, self._note) for index in range(count)]

    def ask(self, what: str, function: str) -> Any | None:  # noqa: ANN401 - what the function returns
        """One question that belongs to no GPU; None where the library has no answer.

        Raises:
            SessionStale: the library must be opened anew.
        """
        try:
            return self._asked(what, function)
        except self._nvml.NVMLError:
            return None

    def close(self) -> None:
        """Let go of the driver's devices; the next `run` opens them again."""
        nvml, self._nvml = self._nvml, None
        if nvml is None:
            return
        self._note("closing its library")
        try:
            nvml.nvmlShutdown()
        except nvml.NVMLError:
            return  # It was not open any more, which is what was wanted.

    def _asked(self, what: str, function: str) -> Any:  # noqa: ANN401 - what the function returns
        """The answer; raises the library's own error, but for one that asks for the library to be opened anew."""
        self._note(what)
        try:
            return getattr(self._nvml, function)()
        except self._nvml.NVMLError as error:
            if trouble_of(error.value) is Trouble.STALE:
                raise SessionStale(error.value, str(error)) from error
            raise

    def _open(self) -> None:
        if self._nvml is not None:
            return
        nvml = self._load()
        self._note("opening its library")
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise _unusable(error.value, str(error)) from error
        self._nvml = nvml


def _unusable(code: int, words: str) -> Unavailable:
    advice = advice_for(code)
    return Unavailable(f"the NVIDIA driver cannot be asked: {words}" + (f"; {advice}" if advice else ""))
