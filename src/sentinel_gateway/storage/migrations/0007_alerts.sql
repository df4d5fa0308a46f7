-- Alerts that were decided, what each channel owes of them, and what is remembered so that the same is not told twice.

CREATE TABLE alerts (
    alert_id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    group_name TEXT NOT NULL,
    event TEXT NOT NULL,
    severity BIGINT NOT NULL,
    created_ns BIGINT NOT NULL,
    payload TEXT NOT NULL
);

CREATE INDEX alerts_by_time ON alerts (created_ns);

CREATE TABLE alert_deliveries (
    alert_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ns BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_try_ns BIGINT NOT NULL,
    finished_ns BIGINT,
    words TEXT NOT NULL,
    PRIMARY KEY (alert_id, channel)
);

CREATE INDEX alert_deliveries_owed ON alert_deliveries (state, channel, alert_id);

CREATE TABLE alert_groups (
    rule TEXT NOT NULL,
    group_name TEXT NOT NULL,
    told_ns BIGINT NOT NULL,
    level BIGINT NOT NULL,
    held_back BIGINT NOT NULL,
    is_open BIGINT NOT NULL,
    due_ns BIGINT,
    is_over_limit BIGINT NOT NULL,
    waiting TEXT,
    PRIMARY KEY (rule, group_name)
);
