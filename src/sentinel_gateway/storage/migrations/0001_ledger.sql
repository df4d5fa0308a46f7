-- The audit ledger. Times are nanoseconds since 1970 in UTC. docs/sentinel-ledger.md explains every column.

CREATE TABLE ledger_gpus (
    gpu_key $key,
    uuid TEXT NOT NULL,
    hostname TEXT NOT NULL,
    device_index BIGINT NOT NULL,
    model TEXT NOT NULL,
    driver_version TEXT NOT NULL,
    firmware_version TEXT NOT NULL
);

CREATE INDEX ledger_gpus_by_uuid ON ledger_gpus (uuid);

CREATE TABLE ledger_entries (
    entry_id $key,
    entry_type BIGINT NOT NULL,
    timestamp_ns BIGINT NOT NULL,
    gpu_key BIGINT,
    data $bytes NOT NULL,
    previous_hash $bytes NOT NULL,
    entry_hash $bytes NOT NULL
);

CREATE INDEX ledger_entries_by_gpu ON ledger_entries (gpu_key, entry_id) WHERE gpu_key IS NOT NULL;

CREATE INDEX ledger_entries_by_type ON ledger_entries (entry_type, entry_id);

CREATE INDEX ledger_entries_by_time ON ledger_entries (timestamp_ns, entry_id);

CREATE TABLE ledger_batches (
    batch_no $key,
    last_entry_id BIGINT NOT NULL UNIQUE,
    root_hash $bytes NOT NULL,
    timestamp_ns BIGINT NOT NULL,
    key_id BIGINT NOT NULL,
    signature $bytes NOT NULL
);

CREATE TABLE ledger_keys (
    key_id $key,
    origin TEXT NOT NULL,
    public_key $bytes NOT NULL
);

CREATE TABLE ledger_nodes (
    level BIGINT NOT NULL,
    node_index BIGINT NOT NULL,
    hash $bytes NOT NULL,
    PRIMARY KEY (level, node_index)
);

CREATE TABLE ledger_cuts (
    recorded_as $key,
    first_kept_entry_id BIGINT NOT NULL,
    last_removed_hash $bytes NOT NULL,
    subtree_hashes $bytes NOT NULL
);

CREATE TABLE ledger_requests (
    request_key TEXT PRIMARY KEY,
    digest $bytes NOT NULL,
    first_entry_id BIGINT NOT NULL,
    last_entry_id BIGINT NOT NULL
);

CREATE TABLE ledger_writer (
    only_row $key,
    epoch BIGINT NOT NULL
);

INSERT INTO ledger_writer (only_row, epoch) VALUES (1, 0);
