-- Signed results other than PASS that were counted, so that none counts again in another batch.

CREATE TABLE seen_results (
    tag $bytes PRIMARY KEY,
    received_ns BIGINT NOT NULL
);

CREATE INDEX seen_results_by_time ON seen_results (received_ns);
