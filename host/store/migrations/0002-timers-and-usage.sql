-- Events that bots send to themselves, until they are due. A timer of no chat has an empty
-- connection and an empty chat.
CREATE TABLE timer (
    bot        TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    chat       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    due        INTEGER NOT NULL,
    skip       INTEGER NOT NULL,  -- 1 where it is dropped if the host was not running when it was due
    payload    TEXT    NOT NULL,
    PRIMARY KEY (bot, connection, chat, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX timer_due ON timer (due);

-- What each bucket holds, and with the bucket '' what each bot holds in all of them, so that a
-- quota is looked up and not counted.
CREATE TABLE usage (
    bot        TEXT    NOT NULL,
    bucket     TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    keys       INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,  -- of keys and values
    timers     INTEGER NOT NULL,  -- of the bot; 0 for a bucket
    PRIMARY KEY (bot, bucket, connection, id)
) STRICT, WITHOUT ROWID;

INSERT INTO usage (bot, bucket, connection, id, keys, bytes, timers)
    SELECT bot, bucket, connection, id, count(*), sum(length(CAST(key AS BLOB)) + length(value)), 0
    FROM value GROUP BY bot, bucket, connection, id;

INSERT INTO usage (bot, bucket, connection, id, keys, bytes, timers)
    SELECT bot, '', '', '', sum(keys), sum(bytes), 0 FROM usage GROUP BY bot;
