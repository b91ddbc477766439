-- Dead letters are looked for by their row, and go when they are old.
CREATE INDEX dead_by_seq ON dead (seq);
CREATE INDEX dead_by_age ON dead (died);

-- Dead letters whose event went back into the inbox.
ALTER TABLE tally ADD COLUMN dead_retried INTEGER NOT NULL DEFAULT 0;
