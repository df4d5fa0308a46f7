-- Whose "no" ended an order, so that a person's is not overruled by asking again; and how often the beginning of an
-- approved order was put off because something else was under way on its node.

ALTER TABLE actions ADD COLUMN refusal TEXT NOT NULL DEFAULT '';

ALTER TABLE actions ADD COLUMN put_off BIGINT NOT NULL DEFAULT 0;
