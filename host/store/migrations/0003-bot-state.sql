-- Bots that are held back, by the operator or because they kept failing. A bot that runs has no row.
CREATE TABLE bot_state (
    bot     TEXT    NOT NULL PRIMARY KEY,
    state   TEXT    NOT NULL,  -- 'paused' or 'quarantined'
    held_by TEXT    NOT NULL,  -- 'bot' or 'operator'
    since   INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    digest  TEXT    NOT NULL   -- of the plugin that the bot had then
) STRICT, WITHOUT ROWID;
