-- Actions know the exact order they are about and what the gate said; the same thing is begun once per incident,
-- whoever tries. Nothing could be ordered before, so the old table holds no rows. The circuit breaker is a row, too.

DROP TABLE actions;

CREATE TABLE actions (
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    investigation_id TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_name TEXT NOT NULL,
    target_node TEXT NOT NULL,
    target_uid TEXT NOT NULL,
    arguments TEXT NOT NULL,
    calls TEXT NOT NULL,
    digest TEXT NOT NULL,
    mode TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    ruling TEXT NOT NULL,
    takes_out TEXT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    executor TEXT NOT NULL,
    result TEXT NOT NULL,
    note TEXT NOT NULL,
    undoes TEXT NOT NULL
);

CREATE INDEX actions_of_incident ON actions (incident_id);

CREATE INDEX actions_by_state ON actions (state, requested_at);

CREATE INDEX actions_by_start ON actions (started_at) WHERE started_at IS NOT NULL;

CREATE UNIQUE INDEX actions_begun_once ON actions (key) WHERE state IN ('running', 'carried', 'done');

CREATE TABLE breaker (
    name TEXT NOT NULL PRIMARY KEY,
    opened_at BIGINT,
    reason TEXT NOT NULL,
    closed_at BIGINT,
    closed_by TEXT NOT NULL
);

ALTER TABLE approvals RENAME COLUMN action_key TO action_id;
