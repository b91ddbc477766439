-- What connections keep of people, sealed with a key that is not in here. What stands beside the sealed part is
-- authenticated with it: a row that is moved or changed does not open.
CREATE TABLE vault (
    id         INTEGER PRIMARY KEY,   -- grows with each write: the oldest has the smallest
    connection TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    sealed_by  BLOB    NOT NULL,      -- tells which key it was
    name       BLOB    NOT NULL,      -- hashed with a key
    person     BLOB,                  -- likewise; NULL where it is nobody's
    expires    INTEGER,               -- NULL for never
    written    INTEGER NOT NULL,
    sealed     BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX vault_by_name ON vault (connection, kind, sealed_by, name);
CREATE INDEX vault_by_age ON vault (connection, kind);
CREATE INDEX vault_of_person ON vault (connection, person) WHERE person IS NOT NULL;
CREATE INDEX vault_by_end ON vault (expires) WHERE expires IS NOT NULL;
