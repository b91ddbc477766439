-- The file says whose it is.
PRAGMA application_id = 0x686f6468;

-- The program that gave the database its present shape. This table never changes: an older program
-- reads it to say which one is needed.
CREATE TABLE shaped_by (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    program TEXT NOT NULL
) STRICT;

INSERT INTO shaped_by (id, program) VALUES (1, '');
