"""The tables as they are at the newest version, for building statements.

The database itself is made by `migrations/`; a test holds the two together. All times are whole microseconds since
1970 in UTC (`codecs.micros`), flags are 0 or 1, lists and objects are JSON text that `codecs` writes and reads: so a
row reads the same from SQLite and PostgreSQL, and a damaged one is found by us, not by a driver amid a list.

In PostgreSQL the tables live in the schema `SCHEMA`, beside those of the durable engine; `Database` puts the name in.
Keys are enforced there. Here they are left out: statements do not need them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, MetaData, Table, Text

SCHEMA = "gcm_sentinel"
"""Name of our schema in a PostgreSQL database."""

metadata = MetaData()
_ROW_ID = BigInteger().with_variant(Integer(), "sqlite")

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("scope_kind", Text, nullable=False),
    Column("scope_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("urgency", BigInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("last_trigger_at", BigInteger, nullable=False),
    Column("lead_trigger_id", BigInteger, nullable=True),
    Column("revision", BigInteger, nullable=False),
    Column("nodes", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("quiet_since", BigInteger, nullable=True),
    Column("flaps", BigInteger, nullable=False),
    Column("stand_in", BigInteger, nullable=False),
    Column("revisits", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("severity", Text, nullable=True),
    Column("closed_at", BigInteger, nullable=True),
    Column("close_reason", Text, nullable=False),
    Column("merged_into", Text, nullable=True),
)

incident_nodes = Table(
    "incident_nodes",
    metadata,
    Column("incident_id", Text, primary_key=True),
    Column("node", Text, primary_key=True),
)

triggers = Table(
    "triggers",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("node_uid", Text, nullable=True),
    Column("gpu_uuid", Text, nullable=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("observed_at", BigInteger, nullable=False),
    Column("transition_at", BigInteger, nullable=True),
    Column("onset_at", BigInteger, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("incident_id", Text, nullable=True),
    Column("ruling", Text, nullable=False),
    Column("hold_until", BigInteger, nullable=True),
)

symptoms = Table(
    "symptoms",
    metadata,
    Column("source", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("node_uid", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("gpu_uuid", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("transition_at", BigInteger, nullable=True),
    Column("observed_at", BigInteger, nullable=False),
    Column("incident_id", Text, nullable=True),
    Column("sequence", BigInteger, nullable=True),
)

watch_positions = Table(
    "watch_positions",
    metadata,
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
)

cooldown_stamps = Table(
    "cooldown_stamps",
    metadata,
    Column("node", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("urgency", BigInteger, nullable=False),
)

investigations = Table(
    "investigations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("urgency", BigInteger, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("started_at", BigInteger, nullable=True),
    Column("ended_at", BigInteger, nullable=True),
    Column("executor", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("outcome", Text, nullable=True),
    Column("severity", Text, nullable=True),
    Column("fault_class", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("confidence", Float, nullable=True),
    Column("spend", Text, nullable=True),
    Column("note", Text, nullable=False),
    Column("incident", Text, nullable=True),
    Column("assessment", Text, nullable=True),
    Column("transcript_blob", Text, nullable=True),
)

affected_entities = Table(
    "affected_entities",
    metadata,
    Column("investigation_id", Text, primary_key=True),
    Column("place", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("node", Text, nullable=True),
    Column("device_index", BigInteger, nullable=True),
    Column("uuid", Text, nullable=True),
    Column("pci", Text, nullable=True),
    Column("serial", Text, nullable=True),
)

blobs = Table(
    "blobs",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("raw_bytes", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("puts", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("investigation_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("observed_at", BigInteger, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("result_blob", Text, nullable=False),
)

turn_costs = Table(
    "turn_costs",
    metadata,
    Column("investigation_id", Text, primary_key=True),
    Column("turn", BigInteger, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_usd", Float, nullable=True),
    Column("engine", Text, nullable=False),
    Column("model", Text, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("investigation_id", Text, primary_key=True),
    Column("notifier", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("owed_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=True),
    Column("delivered_at", BigInteger, nullable=True),
    Column("reason", Text, nullable=False),
    Column("edition", BigInteger, nullable=False),
)

threads = Table(
    "threads",
    metadata,
    Column("sink", Text, primary_key=True),
    Column("incident_id", Text, primary_key=True),
    Column("place", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("told", Text, nullable=False),
    Column("closed", BigInteger, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by_whom", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

executors = Table(
    "executors",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
)

actions = Table(
    "actions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("investigation_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target_kind", Text, nullable=False),
    Column("target_name", Text, nullable=False),
    Column("target_node", Text, nullable=False),
    Column("target_uid", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("calls", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("ruling", Text, nullable=False),
    Column("takes_out", Text, nullable=False),
    Column("started_at", BigInteger, nullable=True),
    Column("ended_at", BigInteger, nullable=True),
    Column("executor", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("undoes", Text, nullable=False),
    Column("refusal", Text, nullable=False),
    Column("put_off", BigInteger, nullable=False),
)

breaker = Table(
    "breaker",
    metadata,
    Column("name", Text, primary_key=True),
    Column("opened_at", BigInteger, nullable=True),
    Column("reason", Text, nullable=False),
    Column("closed_at", BigInteger, nullable=True),
    Column("closed_by", Text, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Column("action_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=True),
    Column("decided_by", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
