-- A turn whose record was lost is asked and paid again: both bills count, each known by the moment its turn ended.

CREATE TABLE turn_bills (
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
    PRIMARY KEY (investigation_id, turn, at)
);

INSERT INTO turn_bills SELECT
    investigation_id, turn, at, input_tokens, cached_tokens, cache_write_tokens, output_tokens, cost_usd, engine, model
FROM turn_costs;

DROP TABLE turn_costs;

ALTER TABLE turn_bills RENAME TO turn_costs;

CREATE INDEX turn_costs_by_time ON turn_costs (at);
