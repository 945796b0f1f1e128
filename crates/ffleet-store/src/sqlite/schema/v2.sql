-- Feeds and streams that were declared over the API. `sort` is 0 for a feed, 1 for a stream.
CREATE TABLE declared (
    sort INTEGER NOT NULL,
    name TEXT NOT NULL,
    declaration TEXT NOT NULL,    -- JSON, as it was sent
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (sort, name)
) STRICT, WITHOUT ROWID;

-- What feeds and streams have come to over all lives of the server, however they were declared.
-- `kept` is when the row was written last.
CREATE TABLE feed_totals (
    name TEXT PRIMARY KEY,
    kept INTEGER NOT NULL,
    since INTEGER NOT NULL,
    received INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    live_millis INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stream_totals (
    name TEXT PRIMARY KEY,
    kept INTEGER NOT NULL,
    since INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    viewers INTEGER NOT NULL,
    skips INTEGER NOT NULL,
    cut INTEGER NOT NULL,
    shots INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
