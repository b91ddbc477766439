-- Events that somebody waits for are found by their key, also by who asks again after a restart.
ALTER TABLE inbox ADD COLUMN asked BLOB;        -- the key, hashed; NULL where nobody waits
ALTER TABLE inbox ADD COLUMN asked_at INTEGER;  -- when it arrived

CREATE INDEX inbox_asked ON inbox (asked, asked_at) WHERE asked IS NOT NULL;
