-- Connections whose sends wait because the operator wants it.
CREATE TABLE send_pause (
    connection TEXT    NOT NULL PRIMARY KEY,
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
