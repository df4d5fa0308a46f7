-- What is told of an investigation is told again when one of its actions comes to something: each time is an edition.
-- And where a sink goes on with what it has shown of an incident before, such as a thread.

ALTER TABLE deliveries ADD COLUMN edition BIGINT NOT NULL DEFAULT 1;

CREATE TABLE threads (
    sink TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    place TEXT NOT NULL,
    mark TEXT NOT NULL,
    revision BIGINT NOT NULL,
    told TEXT NOT NULL,
    closed BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (sink, incident_id)
);
