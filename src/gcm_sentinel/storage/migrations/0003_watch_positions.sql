-- How far the agent has followed the log of events of a source that keeps one.

CREATE TABLE watch_positions (
    source TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    stored_at BIGINT NOT NULL
);
