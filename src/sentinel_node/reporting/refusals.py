"""What an operator can do about a refusal, by the words of the gateway: the wire has no code for it. Pure."""

from __future__ import annotations

_ADVICE = (
    (
        "in the future",
        "this node's clock is ahead of the gateway's: check its time synchronisation; these results are lost",
    ),
    (
        "too old",
        "the results waited longer than the gateway takes (probes.max_age_hours), or this node's clock is behind",
    ),
    ("HMAC", "the gateway has another key for this host than hmac_key, or wants none: compare probes.hmac_key_file"),
    ("in another host", "the gateway knows this node by another name: compare hostname with the certificate's"),
    ("that the agent of", "another host reported about this GPU within a day: was it moved, or a hostname changed?"),
    ("is too large", "lower the batch size, or raise grpc.max_receive_bytes of the gateway"),
    ("than is possible", "the pushed schedule has a shorter timeout_ms than this probe needs"),
)


def advice(reason: str) -> str:
    """What to do, in words; empty for a reason that is not known."""
    return next((words for part, words in _ADVICE if part in reason), "")
