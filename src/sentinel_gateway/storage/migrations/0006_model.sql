-- What the reliability model is judged from, and what it finds. Rows of results that earlier versions kept in
-- gpus.sms are no longer read: trails of failures begin anew.

ALTER TABLE gpus ADD COLUMN trails $bytes;

ALTER TABLE gpus ADD COLUMN signs TEXT NOT NULL DEFAULT '[]';

ALTER TABLE gpus ADD COLUMN deep_test TEXT;

ALTER TABLE gpus ADD COLUMN proposed_ns BIGINT;

ALTER TABLE gpus ADD COLUMN cleared_ns BIGINT NOT NULL DEFAULT 0;

ALTER TABLE trust_edges ADD COLUMN agreed DOUBLE PRECISION NOT NULL DEFAULT 0;

ALTER TABLE trust_edges ADD COLUMN disagreed DOUBLE PRECISION NOT NULL DEFAULT 0;

UPDATE trust_edges SET agreed = agreements, disagreed = disagreements;

-- No earlier version wrote any; those about many GPUs have none of their own.
DROP TABLE correlations;

CREATE TABLE correlations (
    correlation_id $id,
    event_id TEXT NOT NULL UNIQUE,
    gpu_id BIGINT,
    sm_id BIGINT,
    pattern_type BIGINT NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    severity BIGINT NOT NULL,
    events TEXT NOT NULL,
    description TEXT NOT NULL,
    recommended_action TEXT NOT NULL,
    time_ns BIGINT NOT NULL
);

CREATE INDEX correlations_by_gpu ON correlations (gpu_id, time_ns, correlation_id);

CREATE INDEX correlations_by_time ON correlations (time_ns);

CREATE TABLE guards (
    guard_key TEXT PRIMARY KEY,
    shared TEXT NOT NULL,
    value TEXT NOT NULL,
    probe_types BIGINT NOT NULL,
    gpus BIGINT NOT NULL,
    of_gpus BIGINT NOT NULL,
    since_ns BIGINT NOT NULL,
    told BIGINT NOT NULL
);

CREATE TABLE events (
    position $key,
    time_ns BIGINT NOT NULL,
    kind TEXT NOT NULL,
    hostname TEXT NOT NULL,
    payload TEXT NOT NULL
);

CREATE INDEX events_by_time ON events (time_ns);
