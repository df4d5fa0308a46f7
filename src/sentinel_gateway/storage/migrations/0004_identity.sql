-- Which database this is, wherever it is moved: kept beside the checkpoint file too, so that the file is not held
-- against another database.

CREATE TABLE ledger_identity (
    only_row $key,
    database_id TEXT NOT NULL
);

INSERT INTO ledger_identity (only_row, database_id) SELECT 1, $random_id;
