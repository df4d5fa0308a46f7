-- What the core knows. Times are nanoseconds since 1970 in UTC; JSON stands where a
-- whole value is kept and never asked for by its parts.

CREATE TABLE core_round (
    only_row $key,
    round BIGINT NOT NULL
);

INSERT INTO core_round (only_row, round) VALUES (1, 0);

CREATE TABLE gpus (
    gpu_id $key,
    uuid TEXT NOT NULL UNIQUE,
    hostname TEXT NOT NULL,
    device_index BIGINT NOT NULL,
    model TEXT NOT NULL,
    driver_version TEXT NOT NULL,
    firmware_version TEXT NOT NULL,
    first_seen_ns BIGINT NOT NULL,
    state BIGINT NOT NULL,
    state_changed_ns BIGINT NOT NULL,
    state_reason TEXT NOT NULL,
    overstayed BIGINT NOT NULL,
    passes BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    timeouts BIGINT NOT NULL,
    anomalies BIGINT NOT NULL,
    dissents BIGINT NOT NULL,
    base_tally TEXT NOT NULL,
    last_probe_ns BIGINT,
    last_anomaly_ns BIGINT,
    sampled_ns BIGINT NOT NULL,
    summary TEXT NOT NULL,
    minutes TEXT NOT NULL,
    sms $bytes NOT NULL
);

CREATE TABLE gpu_telemetry (
    gpu_id $key,
    received_ns BIGINT NOT NULL,
    report TEXT NOT NULL
);

CREATE TABLE sources (
    kind TEXT NOT NULL,
    hostname TEXT NOT NULL,
    highest TEXT NOT NULL,
    last_batch_ns BIGINT NOT NULL,
    batches BIGINT NOT NULL,
    missing BIGINT NOT NULL,
    PRIMARY KEY (kind, hostname)
);

CREATE TABLE seen_batches (
    batch_key $bytes PRIMARY KEY,
    received_ns BIGINT NOT NULL
);

CREATE INDEX seen_batches_by_time ON seen_batches (received_ns);

CREATE TABLE transitions (
    transition_id $id,
    gpu_id BIGINT NOT NULL,
    from_state BIGINT NOT NULL,
    to_state BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    reason TEXT NOT NULL,
    initiated_by TEXT NOT NULL,
    directive_id TEXT NOT NULL
);

CREATE INDEX transitions_by_gpu ON transitions (gpu_id, time_ns, transition_id);

CREATE INDEX transitions_by_time ON transitions (time_ns);

CREATE TABLE samples (
    gpu_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    alpha DOUBLE PRECISION NOT NULL,
    beta DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (gpu_id, time_ns)
);

CREATE INDEX samples_by_time ON samples (time_ns);

CREATE TABLE correlations (
    correlation_id $id,
    event_id TEXT NOT NULL UNIQUE,
    gpu_id BIGINT NOT NULL,
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

CREATE TABLE directives (
    number $id,
    directive_id TEXT NOT NULL UNIQUE,
    gpu_uuid TEXT NOT NULL,
    gpu TEXT NOT NULL,
    action BIGINT NOT NULL,
    reason TEXT NOT NULL,
    initiated_by TEXT NOT NULL,
    evidence TEXT NOT NULL,
    time_ns BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    requires_approval BIGINT NOT NULL,
    status BIGINT NOT NULL,
    from_state BIGINT NOT NULL,
    resulting_state BIGINT NOT NULL,
    issued_by TEXT NOT NULL,
    issued_ns BIGINT NOT NULL,
    expires_ns BIGINT,
    executed_ns BIGINT,
    note TEXT NOT NULL,
    request_time_ns BIGINT,
    approved BIGINT,
    reviewer TEXT,
    review_time_ns BIGINT,
    comment TEXT
);

CREATE INDEX directives_by_gpu ON directives (gpu_uuid, number);

CREATE INDEX directives_by_status ON directives (status, number);

CREATE TABLE directive_news (
    position $key,
    directive_id TEXT NOT NULL,
    executed BIGINT NOT NULL,
    time_ns BIGINT NOT NULL
);

CREATE INDEX directive_news_by_directive ON directive_news (directive_id, position);

CREATE TABLE trust_edges (
    gpu_a TEXT NOT NULL,
    gpu_b TEXT NOT NULL,
    agreements BIGINT NOT NULL,
    disagreements BIGINT NOT NULL,
    last_comparison_ns BIGINT NOT NULL,
    PRIMARY KEY (gpu_a, gpu_b)
);

CREATE TABLE tmr_rounds (
    canary_id TEXT PRIMARY KEY,
    outcome BIGINT NOT NULL,
    consensus_hash $bytes NOT NULL,
    dissenting_gpu TEXT,
    time_ns BIGINT NOT NULL
);

CREATE INDEX tmr_rounds_by_time ON tmr_rounds (time_ns);

CREATE TABLE config_updates (
    version $key,
    update_id TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    initiated_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    pushed_by TEXT NOT NULL,
    payload TEXT NOT NULL,
    time_ns BIGINT NOT NULL
);

CREATE INDEX config_updates_by_subject ON config_updates (subject, version);

CREATE TABLE components (
    component_id TEXT PRIMARY KEY,
    ack TEXT NOT NULL,
    time_ns BIGINT NOT NULL
);

CREATE TABLE faults (
    injection_id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    activated_ns BIGINT NOT NULL,
    expires_ns BIGINT,
    injected_by TEXT NOT NULL
);
