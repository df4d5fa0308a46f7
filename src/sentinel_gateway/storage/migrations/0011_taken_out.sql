-- Who alone took a GPU out of use, in which state it was then, and that a person refused to have it condemned: all hold
-- beyond a restart. Of GPUs that are out of use already nobody is known to have done it alone. Of a directive, whether
-- its issuer might overrule others: until now, everybody who could issue any might.

ALTER TABLE gpus ADD COLUMN taken_out_by TEXT NOT NULL DEFAULT '';
ALTER TABLE gpus ADD COLUMN taken_out_of INTEGER NOT NULL DEFAULT 1;
ALTER TABLE gpus ADD COLUMN denied TEXT;
ALTER TABLE directives ADD COLUMN overrules INTEGER NOT NULL DEFAULT 1;
