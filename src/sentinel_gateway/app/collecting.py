"""Looking at many things though some of them are wrong, so that an operator hears of everything at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sentinel_gateway.domain.errors import BadConfiguration, GatewayError

if TYPE_CHECKING:
    from sentinel_gateway.app.settings import Settings

T = TypeVar("T")


class BadSettings(BadConfiguration):
    """Raised when settings do not fit; says all that is wrong with them.

    `rest` are the settings without those, for whoever wants to look at the files that the others name.
    """

    def __init__(self, faults: Sequence[str], rest: Settings | None = None) -> None:
        self.faults = tuple(faults)
        self.rest = rest
        many = f"{len(self.faults)} settings do not fit: " if len(self.faults) > 1 else ""
        super().__init__(many + "; ".join(self.faults))


class Tried(Generic[T]):
    """A piece of work that was done or has failed; its failure waits until the others were tried."""

    def __init__(self, work: Callable[[], T]) -> None:
        """Do it."""
        self._outcome: tuple[T] | BadConfiguration
        try:
            self._outcome = (work(),)
        except BadConfiguration as error:
            self._outcome = error

    @property
    def faults(self) -> tuple[str, ...]:
        """What was wrong; nothing where it was done."""
        return lines_of(self._outcome) if isinstance(self._outcome, BadConfiguration) else ()

    @property
    def value(self) -> T:
        """What it gave.

        Raises:
            BadConfiguration: it failed.
        """
        if isinstance(self._outcome, BadConfiguration):
            raise self._outcome
        return self._outcome[0]


def all_done(*pieces: Tried[Any]) -> None:
    """Go on only if none has failed.

    Raises:
        BadSettings: everything that was wrong.
    """
    if faults := [fault for piece in pieces for fault in piece.faults]:
        raise BadSettings(faults)


def lines_of(error: GatewayError) -> tuple[str, ...]:
    """What an error says, a line for each thing."""
    return error.faults if isinstance(error, BadSettings) else (str(error),)
