-- Who alone took a GPU out of use, and that a person refused to have it condemned: both hold beyond a restart. Of GPUs
-- that are out of use already nobody is known to have done it alone.

ALTER TABLE gpus ADD COLUMN taken_out_by TEXT NOT NULL DEFAULT '';
ALTER TABLE gpus ADD COLUMN denied TEXT;
