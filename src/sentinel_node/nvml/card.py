"""One GPU of the driver's library: each question on its own, so that one failing field costs only itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import byref
from typing import Any

from sentinel_node.nvml.errors import FUNCTION_NOT_FOUND, GpuLost, SessionStale, Trouble, trouble_of

Field = tuple[int, int]
"""A field value's number and its scope, e.g. a link; 0 where it has none."""

# nvmlValueType_t: which member of the union holds a field value.
_UNION_MEMBERS: Mapping[int, str] = {
    0: "dVal",
    1: "uiVal",
    2: "ulVal",
    3: "ullVal",
    4: "sllVal",
    5: "siVal",
    6: "usVal",
}


class Card:
    """Asks the driver about one GPU and remembers what failed."""

    def __init__(self, nvml: Any, index: int, note: Callable[[str], None]) -> None:  # noqa: ANN401 - untyped module
        self.nvml = nvml
        self.index = index
        self.unreadable: list[str] = []
        self._note = note
        self._handle: Any = None  # the driver's pointer, once asked for

    def ask(self, field: str, *calls: tuple[object, ...]) -> Any | None:  # noqa: ANN401 - what the function returns
        """The answer of the first call that this GPU and driver know; None where they know none, or where it failed.

        Args:
            field: What is asked, for the list of failures.
            calls: Each a function's name and its arguments after the GPU; later ones are for older drivers.

        Raises:
            GpuLost: the GPU is gone.
            SessionStale: the library must be opened anew.
        """
        for function, *arguments in calls:
            try:
                return self._call(field, str(function), arguments)
            except self.nvml.NVMLError as error:
                trouble = self._judge(error.value, str(error))
                if trouble is Trouble.FAILED:
                    self.unreadable.append(f"{field}: {error}")
                    return None
            except UnicodeDecodeError:
                self.unreadable.append(f"{field}: not text")
                return None
        return None

    def ask_known(self, field: str, absent: int, function: str, *arguments: object) -> Any | None:  # noqa: ANN401 - as `ask`
        """As `ask`, where this GPU says that it does not have the field by one more return code, `absent`.

        Raises:
            GpuLost: the GPU is gone.
            SessionStale: the library must be opened anew.
        """
        try:
            return self._call(field, function, arguments)
        except self.nvml.NVMLError as error:
            if error.value != absent and self._judge(error.value, str(error)) is Trouble.FAILED:
                self.unreadable.append(f"{field}: {error}")
            return None

    def fields(self, wanted: Mapping[str, Field]) -> dict[str, float | None]:
        """Field values in one call, by the given names; None for what this GPU does not have or what failed."""
        answers = self.ask("field values", ("nvmlDeviceGetFieldValues", list(wanted.values())))
        if answers is None:
            return dict.fromkeys(wanted)
        return dict(zip(wanted, self._values(list(wanted), answers), strict=True))

    def fill(self, field: str, function: str, structures: Sequence[str]) -> Any | None:  # noqa: ANN401 - a structure
        """A structure that the driver fills in, the newest version of it that it knows; None where it knows none."""
        for structure in structures:
            value = getattr(self.nvml, structure)()
            if self.ask(field, (function, byref(value))) is not None:
                return value
        return None

    def _call(self, field: str, function: str, arguments: Sequence[object]) -> Any:  # noqa: ANN401 - untyped module
        self._note(f"{field} of GPU {self.index}")
        if self._handle is None:
            self._handle = self.nvml.nvmlDeviceGetHandleByIndex(self.index)
        known = getattr(self.nvml, function, None)
        if known is None:  # Bindings older than the driver.
            raise self.nvml.NVMLError(FUNCTION_NOT_FOUND)
        return known(self._handle, *arguments)

    def _values(self, names: Sequence[str], answers: Iterable[Any]) -> list[float | None]:
        values: list[float | None] = []
        for name, answer in zip(names, answers, strict=True):
            values.append(None)
            if answer.nvmlReturn == 0:
                values[-1] = getattr(answer.value, _UNION_MEMBERS.get(answer.valueType, "ullVal"))
                continue
            error = self.nvml.NVMLError(answer.nvmlReturn)
            if self._judge(answer.nvmlReturn, str(error)) is Trouble.FAILED:
                self.unreadable.append(f"{name}: {error}")
        return values

    def _judge(self, code: int, words: str) -> Trouble:
        trouble = trouble_of(code)
        if trouble is Trouble.LOST:
            raise GpuLost(words)
        if trouble is Trouble.STALE:
            raise SessionStale(code, words)
        return trouble
