-- A question that the agent took back is told from one that a person refused: it has a state of its own, and nobody
-- decided it.

UPDATE approvals SET state = 'withdrawn', decided_by = '', channel = '' WHERE channel = 'withdrawn';
