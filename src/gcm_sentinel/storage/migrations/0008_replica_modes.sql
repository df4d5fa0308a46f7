-- What each replica may do, so that one which may not act knows whether another still does. Empty for a replica of an
-- older version, which does not say.

ALTER TABLE executors ADD COLUMN mode TEXT NOT NULL DEFAULT '';
