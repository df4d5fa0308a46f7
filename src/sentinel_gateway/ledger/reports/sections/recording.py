"""The ledger as a log (ISO 27001 A.8.15, A.5.28)."""

from __future__ import annotations

from sentinel_gateway.ledger.reports.document import Figure, Table
from sentinel_gateway.ledger.reports.facts import Facts
from sentinel_gateway.ledger.reports.sections.figures import IN_WINDOW, count, counts_table


def figures(facts: Facts) -> tuple[Figure, ...]:
    """How much was recorded, and how steadily."""
    activity = facts.activity
    removed = sum(cut.entries_removed for cut in facts.cuts)
    return (
        count(
            "entries",
            "Entries in the window",
            activity.in_window,
            "All entries whose time lies in the window.",
            f"FROM entries WHERE {IN_WINDOW} SELECT count(*)",
        ),
        Figure(
            "longest_silence",
            "Longest time without any entry",
            round(activity.longest_silence_ns / 1e9, 3),
            "s",
            "The longest stretch, within the window and since the first kept entry, in which nothing was recorded; the"
            " time after the newest entry is not counted.",
            f"FROM entries WHERE {IN_WINDOW} ORDER BY timestamp SELECT max(timestamp - previous timestamp)",
            activity.silence_after,
        )
        if activity.in_window.entries
        else Figure(
            "longest_silence", "Longest time without any entry", None, "s", "", "", missing="the window has no entry"
        ),
        count(
            "clock_went_back",
            "Entries more than an hour older than one before them",
            activity.clock_back,
            "Entries in the window whose time is more than an hour before the latest time of the entries with"
            " smaller ids:"
            " late reports, or a clock that was set back.",
            f"FROM entries WHERE {IN_WINDOW} SELECT count(timestamp < max(timestamp of smaller ids) - 1 h)",
        ),
        count(
            "unreadable_entries",
            "Entries that could not be read",
            activity.undecodable,
            "Entries in the window whose data are not the message their type calls for. They are covered by the"
            " hashes like"
            " all others, but no figure counts them.",
            f"FROM entries WHERE {IN_WINDOW} SELECT count(data is not the message of its type)",
        ),
        Figure(
            "entries_removed",
            "Entries removed by retention",
            removed,
            "entries",
            "Sum of the cuts recorded in the kept ledger, at most the newest 20. What was removed is still covered"
            " by the"
            " tree's root, but can no longer be read.",
            "FROM entries WHERE SystemRecord.detail = retention_cut SELECT sum(retention_cut.entries_removed)",
        ),
    )


def tables(facts: Facts) -> tuple[Table, ...]:
    """Entries by type, and the gateway's own events by name."""
    return (
        counts_table("entries_by_type", "Entries by type", "type", facts.activity.by_type),
        counts_table("system_events", "System events by name", "event", facts.system.events),
    )
