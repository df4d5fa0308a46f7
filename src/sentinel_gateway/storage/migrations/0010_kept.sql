-- What GPUs are on trial for (failures seen lately, acquittals, people who were asked), which probes passed last, and
-- canaries whose results are waited for: a gateway that starts again goes on judging as it did.

CREATE TABLE sightings (
    source TEXT NOT NULL,
    uuid TEXT NOT NULL,
    kind BIGINT NOT NULL,
    received_ns BIGINT NOT NULL,
    earliest_ns BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    before_ns BIGINT,
    turned_ns BIGINT NOT NULL,
    PRIMARY KEY (source, uuid, kind)
);

CREATE TABLE acquittals (
    uuid TEXT PRIMARY KEY,
    spans TEXT NOT NULL,
    elsewhere_ns BIGINT NOT NULL
);

CREATE TABLE doubted_gpus (
    uuid TEXT PRIMARY KEY,
    asked_ns BIGINT NOT NULL
);

CREATE TABLE open_canaries (
    canary_id TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    due_ns BIGINT NOT NULL,
    request TEXT NOT NULL
);

ALTER TABLE gpus ADD COLUMN passed $bytes;
