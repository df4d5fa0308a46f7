-- How often a GPU's state changed, and how often it had when a directive was asked for: what waits is overtaken by any
-- change, also one that was taken back.

ALTER TABLE gpus ADD COLUMN state_revision BIGINT NOT NULL DEFAULT 0;

ALTER TABLE directives ADD COLUMN from_revision BIGINT NOT NULL DEFAULT 0;

UPDATE gpus SET state_revision = (SELECT count(*) FROM transitions WHERE transitions.gpu_id = gpus.gpu_id);

UPDATE directives SET from_revision = (
    SELECT count(*) FROM transitions JOIN gpus ON gpus.gpu_id = transitions.gpu_id
    WHERE gpus.uuid = directives.gpu_uuid AND transitions.time_ns <= directives.issued_ns
) WHERE status = 1;
