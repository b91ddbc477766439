-- Ids of bots, connections and chats are stored as they came. Times are milliseconds since 1970.

-- Events not handled yet, one row per bot that gets them.
CREATE TABLE inbox (
    seq        INTEGER PRIMARY KEY,
    bot        TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    chat       TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    event      BLOB    NOT NULL   -- JSON; last, so that listing rows does not read bodies
) STRICT;

-- Sends not delivered yet.
CREATE TABLE outbox (
    seq        INTEGER PRIMARY KEY,
    turn       INTEGER NOT NULL,  -- with place: what the bot knows the send by
    place      INTEGER NOT NULL,
    bot        TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    chat       TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    attempted  INTEGER NOT NULL,  -- 1 from before a try until its end is recorded
    queued     INTEGER NOT NULL,
    message    BLOB    NOT NULL   -- JSON
) STRICT;

-- What bots keep. Two columns name the chat or the person, so that no text in one can look like
-- the other.
CREATE TABLE value (
    bot        TEXT NOT NULL,
    bucket     TEXT NOT NULL,     -- 'bot', 'chat' or 'user'
    connection TEXT NOT NULL,     -- empty for 'bot'
    id         TEXT NOT NULL,     -- of the chat or the person; empty for 'bot'
    key        TEXT NOT NULL,
    value      BLOB NOT NULL,
    PRIMARY KEY (bot, bucket, connection, id, key)
) STRICT, WITHOUT ROWID;

-- Keys of arrivals, hashed. New ones come at the end of `seen_lately` and go into `seen` many at a
-- time: hashes arrive in no order, so each insert into `seen` alone would write a page of its own.
CREATE TABLE seen (
    hash BLOB    NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE seen_lately (
    id   INTEGER PRIMARY KEY,
    hash BLOB    NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

-- Dead letters, in the order in which they died.
CREATE TABLE dead (
    id         INTEGER PRIMARY KEY,
    seq        INTEGER NOT NULL,
    bot        TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    chat       TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    died       INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    event      BLOB    NOT NULL   -- JSON
) STRICT;

CREATE INDEX dead_of_bot ON dead (bot);

-- One row: the next sequence numbers, what has been counted, and how many rows there are.
-- It is written once per transaction.
CREATE TABLE tally (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    next_inbox       INTEGER NOT NULL DEFAULT 1,
    next_outbox      INTEGER NOT NULL DEFAULT 1,
    arrivals         INTEGER NOT NULL DEFAULT 0,
    duplicates       INTEGER NOT NULL DEFAULT 0,
    handled          INTEGER NOT NULL DEFAULT 0,
    dead             INTEGER NOT NULL DEFAULT 0,
    dead_dropped     INTEGER NOT NULL DEFAULT 0,
    delivered        INTEGER NOT NULL DEFAULT 0,
    failed           INTEGER NOT NULL DEFAULT 0,
    in_doubt_resent  INTEGER NOT NULL DEFAULT 0,
    in_doubt_dropped INTEGER NOT NULL DEFAULT 0,
    waiting_events   INTEGER NOT NULL DEFAULT 0,
    waiting_sends    INTEGER NOT NULL DEFAULT 0,
    dead_letters     INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO tally (id) VALUES (1);
