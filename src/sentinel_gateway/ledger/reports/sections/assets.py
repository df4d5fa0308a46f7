"""Which GPUs there are and what runs on them (ISO 27001 A.5.9 and A.8.8)."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.document import Cell, Figure, Table
from sentinel_gateway.ledger.reports.evidence import merged
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.fleet import GpuFacts, state_name
from sentinel_gateway.ledger.reports.sections.figures import unmeasurable
from sentinel_gateway.ledger.reports.window import to_seconds


def figures(facts: Facts) -> tuple[Figure, ...]:
    """How many GPUs, and how many changed their description."""
    gpus = facts.fleet.gpus
    seen = tuple(gpu for gpu in gpus if gpu.entries.entries)
    active = tuple(gpu for gpu in gpus if gpu.entries_in_window)
    anew = tuple(gpu for gpu in gpus if gpu.described_anew.entries)
    return (
        Figure(
            "gpus", "GPUs in the ledger", len(seen), "GPUs",
            "Distinct UUIDs in entries before the window's end.",
            "FROM entries WHERE timestamp < end SELECT count(distinct gpu.uuid)",
            merged(*(gpu.entries for gpu in seen)),
        ),
        Figure(
            "gpus_active", "GPUs with entries in the window", len(active), "GPUs",
            "Distinct UUIDs in entries of the window.",
            "FROM entries WHERE start <= timestamp < end SELECT count(distinct gpu.uuid)",
            merged(*(gpu.entries for gpu in active)),
        ),
        Figure(
            "gpus_described_anew", "GPUs whose host, model, driver or firmware changed", len(anew), "GPUs",
            "GPUs with an entry that describes them otherwise than the entries before it, in the whole kept ledger.",
            "FROM entries ORDER BY entry_id SELECT count(distinct gpu.uuid WHERE a non-empty gpu field differs"
            " from before)",
            merged(*(gpu.described_anew for gpu in anew)),
        ),
        unmeasurable(
            "gpus_not_in_ledger", "GPUs that are installed but never reported", "GPUs",
            "the ledger only knows what reported; compare with the inventory, or give it to the report as expected"
            " GPUs",
        ),
    )  # fmt: skip


def inventory(facts: Facts) -> Table:
    """Every GPU as it was last described; an index of 0 without a host says nothing and is left out."""
    columns = ("GPU", "host", "index", "model", "driver", "firmware", "first entry", "newest entry", "state")
    return Table("inventory", "GPUs as last described", columns, tuple(_row(gpu) for gpu in facts.fleet.gpus))


def software(facts: Facts) -> Table:
    """How many GPUs run which driver and firmware."""
    found: dict[tuple[str, ...], int] = {}
    for gpu in facts.fleet.gpus:
        versions = (gpu.gpu.model, gpu.gpu.driver_version, gpu.gpu.firmware_version)
        found[versions] = found.get(versions, 0) + 1
    rows: list[tuple[Cell, ...]] = [(*(part or "(not reported)" for part in key), found[key]) for key in sorted(found)]
    return Table("software", "Drivers and firmware in use", ("model", "driver", "firmware", "GPUs"), tuple(rows))


def vulnerability_figures() -> tuple[Figure, ...]:
    """What the ledger cannot tell about vulnerabilities."""
    return (
        unmeasurable(
            "known_vulnerabilities", "GPUs with a known vulnerability", "GPUs",
            "the ledger holds versions, not advisories; compare the table of versions with the vendor's bulletins",
        ),
        unmeasurable(
            "patch_latency", "Time from an advisory to its patch", "s", "advisories are not recorded in this ledger"
        ),
    )  # fmt: skip


def _row(gpu: GpuFacts) -> tuple[Cell, ...]:
    known = gpu.gpu
    times = (to_seconds(gpu.first_ns), to_seconds(gpu.last_ns)) if gpu.entries.entries else ("", "")
    return (
        known.uuid,
        known.hostname,
        known.device_index if known.hostname or known.device_index else None,
        known.model,
        known.driver_version,
        known.firmware_version,
        *times,
        state_name(gpu.times.final_state),
    )
