"""ECC errors by location, remapped rows and retired pages.

The library counts SRAM as a whole since Turing; older boards name each cache, whose sum is taken. The newer SRAM status
is asked beside the counters because only it tells whether the driver's own threshold for replacement is passed.
"""

from __future__ import annotations

from collections.abc import Iterable

from sentinel_node.domain.telemetry import EccErrors, MemoryErrors
from sentinel_node.nvml.card import Card

_CORRECTED, _UNCORRECTED = 0, 1
_VOLATILE, _AGGREGATE = 0, 1
_DRAM, _SRAM = 2, 7
_CACHES_BEFORE_TURING = (0, 1, 3, 4, 5, 6)  # L1, L2, registers, texture memory, shared memory, CBU
_CAUSES = (0, 1)  # several single-bit errors, one double-bit error

NO_ECC = EccErrors(None, None)
NOTHING_KNOWN = MemoryErrors(NO_ECC, NO_ECC, NO_ECC, NO_ECC)


def read_memory_errors(card: Card) -> MemoryErrors:
    """All that the driver tells of this GPU's memory.

    Raises:
        GpuLost: the GPU is gone.
        SessionStale: the library must be opened anew.
    """
    sram = card.fill("sram_status", "nvmlDeviceGetSramEccErrorStatus", ("c_nvmlEccSramErrorStatus_v1_t",))
    rows = card.ask("remapped_rows", ("nvmlDeviceGetRemappedRows",)) or (None, None, None, None)
    banks = card.ask("row_remapper_histogram", ("nvmlDeviceGetRowRemapperHistogram",))
    return MemoryErrors(
        sram_volatile=_sram(card, _VOLATILE),
        dram_volatile=_errors(card, _VOLATILE, _DRAM),
        sram_aggregate=_sram(card, _AGGREGATE),
        dram_aggregate=_errors(card, _AGGREGATE, _DRAM),
        remapped_corrected_rows=rows[0],
        remapped_uncorrected_rows=rows[1],
        is_remap_pending=_flag(rows[2]),
        has_remap_failed=_flag(rows[3]),
        retired_pages=_retired_pages(card),
        pending_retired_pages=card.ask("pending_retired_pages", ("nvmlDeviceGetRetiredPagesPendingStatus",)),
        is_sram_threshold_exceeded=_flag(sram.bThresholdExceeded) if sram is not None else None,
        banks_without_spare_rows=banks.none if banks is not None else None,
    )


def _sram(card: Card, counter: int) -> EccErrors:
    whole = _errors(card, counter, _SRAM)
    if whole != NO_ECC:
        return whole
    parts = [_errors(card, counter, cache) for cache in _CACHES_BEFORE_TURING]
    return EccErrors(_sum(part.corrected for part in parts), _sum(part.uncorrected for part in parts))


def _errors(card: Card, counter: int, location: int) -> EccErrors:
    return EccErrors(_count(card, _CORRECTED, counter, location), _count(card, _UNCORRECTED, counter, location))


def _count(card: Card, error: int, counter: int, location: int) -> int | None:
    field = (
        f"ecc {'uncorrected' if error else 'corrected'} {'aggregate' if counter else 'volatile'} in location {location}"
    )
    count: int | None = card.ask(field, ("nvmlDeviceGetMemoryErrorCounter", error, counter, location))
    return count


def _retired_pages(card: Card) -> int | None:
    return _sum(
        None if pages is None else len(pages)
        for pages in (card.ask("retired_pages", ("nvmlDeviceGetRetiredPages", cause)) for cause in _CAUSES)
    )


def _sum(parts: Iterable[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)
