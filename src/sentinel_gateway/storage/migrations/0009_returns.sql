-- When a GPU last came back from a deep test: the second time within a month waits for a person.

ALTER TABLE gpus ADD COLUMN returned_ns BIGINT;

UPDATE gpus SET returned_ns = (
    SELECT max(time_ns) FROM transitions
    WHERE transitions.gpu_id = gpus.gpu_id AND from_state = 4 AND to_state = 1
);
