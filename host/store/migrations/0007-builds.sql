-- The build whose values those of a bot are: the one that serves, or served last.
CREATE TABLE build (
    bot     TEXT    NOT NULL PRIMARY KEY,
    digest  TEXT    NOT NULL,  -- SHA-256 of the component, in hex
    version TEXT    NOT NULL,  -- as its manifest has it; empty where it has none
    since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
