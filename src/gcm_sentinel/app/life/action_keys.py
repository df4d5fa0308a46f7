"""What the acting queue knows a piece of work by: an order, what it follows (its proposal, or one approval), which try.

A key is handed in once and done once, so everything that must happen again (an approval came, the node was busy) has
a key of its own.
"""

from __future__ import annotations

from hashlib import sha256

from gcm_sentinel.domain.action_record import ActionRecord, Approval

PROPOSAL = "proposed"
"""What a job follows that no person's approval led to."""
_AGAIN = "+"


def job_key(record: ActionRecord, approval: Approval | None = None) -> str:
    """The proposal of `record`, or one `approval` of it, and which try that is."""
    again = f"{_AGAIN}{record.put_off}" if record.put_off else ""
    return f"{record.id}@{approval.id if approval else PROPOSAL}{again}"


def action_of(key: str) -> str:
    """Id of the action that the job of `key` is about."""
    return key.rpartition("@")[0]


def follows(key: str) -> str:
    """What the job of `key` follows: the id of an approval, or `PROPOSAL`."""
    return key.rpartition("@")[2].partition(_AGAIN)[0]


def try_of(key: str) -> int:
    """How often the order was put off before the job of `key`."""
    return int(key.rpartition("@")[2].partition(_AGAIN)[2] or 0)


def job_of(record: ActionRecord) -> str:
    """Key of the job that began it; empty where none has."""
    return record.executor.rpartition(" ")[2]


def approval_id(record: ActionRecord) -> str:
    """Of the question about an order of one investigation: short enough to type."""
    return f"ap-{sha256(f'{record.id} {record.order.digest}'.encode()).hexdigest()[:10]}"
