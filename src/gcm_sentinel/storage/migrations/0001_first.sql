-- Times are microseconds since 1970 in UTC, flags are 0 or 1, lists and objects are JSON text.

CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    scope_kind TEXT NOT NULL,
    scope_key TEXT NOT NULL,
    state TEXT NOT NULL,
    urgency BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    last_trigger_at BIGINT NOT NULL,
    lead_trigger_id BIGINT,
    revision BIGINT NOT NULL DEFAULT 0,
    nodes TEXT NOT NULL DEFAULT '[]',
    kinds TEXT NOT NULL DEFAULT '[]',
    quiet_since BIGINT,
    flaps BIGINT NOT NULL DEFAULT 0,
    stand_in BIGINT NOT NULL DEFAULT 0,
    revisits BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    severity TEXT,
    closed_at BIGINT,
    close_reason TEXT NOT NULL DEFAULT '',
    merged_into TEXT
);

CREATE INDEX incidents_by_opening ON incidents (opened_at);

CREATE INDEX incidents_not_closed ON incidents (state) WHERE state <> 'closed';

CREATE INDEX incidents_by_closing ON incidents (closed_at, id) WHERE closed_at IS NOT NULL;

CREATE TABLE incident_nodes (
    incident_id TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    node TEXT NOT NULL,
    PRIMARY KEY (incident_id, node)
);

CREATE INDEX incident_nodes_by_node ON incident_nodes (node);

CREATE TABLE triggers (
    id $id,
    fingerprint TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    node TEXT NOT NULL,
    node_uid TEXT,
    gpu_uuid TEXT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    observed_at BIGINT NOT NULL,
    transition_at BIGINT,
    onset_at BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    incident_id TEXT REFERENCES incidents (id) ON DELETE CASCADE,
    ruling TEXT NOT NULL DEFAULT '',
    hold_until BIGINT
);

CREATE INDEX triggers_to_look_at ON triggers (state, hold_until) WHERE state IN ('pending', 'held');

CREATE INDEX triggers_of_incident ON triggers (incident_id, onset_at);

CREATE INDEX triggers_by_gpu ON triggers (gpu_uuid) WHERE gpu_uuid IS NOT NULL;

CREATE INDEX triggers_by_storing ON triggers (stored_at);

CREATE TABLE symptoms (
    source TEXT NOT NULL,
    node TEXT NOT NULL,
    node_uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    gpu_uuid TEXT NOT NULL,
    status TEXT NOT NULL,
    since BIGINT NOT NULL,
    transition_at BIGINT,
    observed_at BIGINT NOT NULL,
    incident_id TEXT REFERENCES incidents (id) ON DELETE SET NULL,
    sequence BIGINT,
    PRIMARY KEY (node, source, kind, gpu_uuid, node_uid)
);

CREATE INDEX symptoms_of_incident ON symptoms (incident_id) WHERE incident_id IS NOT NULL;

CREATE TABLE cooldown_stamps (
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    urgency BIGINT NOT NULL,
    PRIMARY KEY (node, kind)
);

CREATE INDEX cooldown_stamps_by_time ON cooldown_stamps (at);

CREATE TABLE investigations (
    id TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    urgency BIGINT NOT NULL,
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL DEFAULT '',
    started_at BIGINT,
    ended_at BIGINT,
    executor TEXT NOT NULL DEFAULT '',
    engine TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    outcome TEXT,
    severity TEXT,
    fault_class TEXT NOT NULL DEFAULT '',
    summary TEXT NOT NULL DEFAULT '',
    action TEXT NOT NULL DEFAULT '',
    confidence DOUBLE PRECISION,
    spend TEXT,
    note TEXT NOT NULL DEFAULT '',
    incident TEXT,
    assessment TEXT,
    transcript_blob TEXT,
    UNIQUE (incident_id, revision)
);

CREATE INDEX investigations_by_state ON investigations (state, urgency, requested_at)
    WHERE state IN ('wanted', 'queued', 'running');

CREATE INDEX investigations_by_fault ON investigations (fault_class) WHERE fault_class <> '';

CREATE INDEX investigations_by_transcript ON investigations (transcript_blob) WHERE transcript_blob IS NOT NULL;

CREATE TABLE affected_entities (
    investigation_id TEXT NOT NULL REFERENCES investigations (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    node TEXT,
    device_index BIGINT,
    uuid TEXT,
    pci TEXT,
    serial TEXT,
    PRIMARY KEY (investigation_id, place)
);

CREATE INDEX affected_entities_by_node ON affected_entities (node);

CREATE INDEX affected_entities_by_uuid ON affected_entities (uuid) WHERE uuid IS NOT NULL;

CREATE INDEX affected_entities_by_serial ON affected_entities (serial) WHERE serial IS NOT NULL;

CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    raw_bytes BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    puts BIGINT NOT NULL DEFAULT 1,
    body $bytes NOT NULL
);

CREATE INDEX blobs_by_size ON blobs (stored_bytes);

CREATE TABLE evidence (
    investigation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    observed_at BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    digest TEXT NOT NULL,
    result_blob TEXT NOT NULL,
    PRIMARY KEY (investigation_id, id)
);

CREATE INDEX evidence_by_blob ON evidence (result_blob);

CREATE TABLE turn_costs (
    investigation_id TEXT NOT NULL,
    turn BIGINT NOT NULL,
    at BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_usd DOUBLE PRECISION,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    PRIMARY KEY (investigation_id, turn)
);

CREATE INDEX turn_costs_by_time ON turn_costs (at);

CREATE TABLE deliveries (
    investigation_id TEXT NOT NULL REFERENCES investigations (id) ON DELETE CASCADE,
    notifier TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    owed_at BIGINT NOT NULL,
    next_at BIGINT,
    delivered_at BIGINT,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (investigation_id, notifier)
);

CREATE INDEX deliveries_owed ON deliveries (next_at) WHERE state = 'owed';

CREATE TABLE requests (
    id $id,
    incident_id TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    at BIGINT NOT NULL
);

CREATE INDEX requests_of_incident ON requests (incident_id);

CREATE TABLE executors (
    id TEXT PRIMARY KEY,
    started_at BIGINT NOT NULL,
    beat_at BIGINT NOT NULL
);

CREATE TABLE actions (
    key TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL,
    investigation_id TEXT NOT NULL DEFAULT '',
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_name TEXT NOT NULL,
    target_node TEXT NOT NULL DEFAULT '',
    target_uid TEXT NOT NULL,
    arguments TEXT NOT NULL DEFAULT '{}',
    mode TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    requested_by TEXT NOT NULL DEFAULT '',
    requested_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    executor TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT '{}',
    note TEXT NOT NULL DEFAULT ''
);

CREATE INDEX actions_of_incident ON actions (incident_id);

CREATE INDEX actions_by_state ON actions (state, requested_at);

CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL,
    action_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT NOT NULL DEFAULT '',
    channel TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
);

CREATE INDEX approvals_of_action ON approvals (action_key);

CREATE INDEX approvals_waiting ON approvals (expires_at) WHERE state = 'waiting';
