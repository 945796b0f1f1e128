-- Times are microseconds since 1970-01-01T00:00:00Z. States are numbers, in the order of a task's
-- life: 0 queued, 1 assigned, 2 running, 3 paused, 4 retrying, 5 completed, 6 failed, 7 timed_out,
-- 8 quarantined, 9 rejected, 10 canceled. Ids are 16 bytes, most significant first.

-- What must not be forgotten and is no job.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('last_number', 0), ('beats', 0);

-- What changes while a job lives, and is small, so that many fit in a page. A job has one task;
-- the task's columns, and those of its living attempt, are here. Once jobs are cut in pieces,
-- the pieces get a table of their own, and `state` is folded from them.
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    charged INTEGER NOT NULL,
    edges INTEGER NOT NULL,       -- entries in its history
    node BLOB,                    -- of the latest attempt, as are the next two
    assigned INTEGER,
    started INTEGER,
    ended INTEGER,                -- when the job came to its end
    not_before INTEGER,
    reason TEXT,
    message TEXT,
    cancel_at INTEGER,            -- when it was asked to stop, and by whom
    cancel_by TEXT,
    sealed TEXT                   -- artifacts that the living attempt alone may publish
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_end ON jobs (ended) WHERE ended IS NOT NULL;

-- What was asked for: written once.
CREATE TABLE requests (
    number INTEGER PRIMARY KEY,
    accepted INTEGER NOT NULL,
    actor TEXT NOT NULL,
    tenant TEXT NOT NULL,
    queue TEXT NOT NULL,
    retry_of INTEGER,
    key TEXT,                     -- idempotency key, and the hash of what was asked under it
    fingerprint BLOB,
    words TEXT NOT NULL,          -- what a search looks through, in lower case
    spec TEXT NOT NULL            -- JSON
) STRICT;
CREATE UNIQUE INDEX requests_by_key ON requests (tenant, key) WHERE key IS NOT NULL;

CREATE TABLE labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (name, value, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_by_job ON labels (number);

-- Attempts that have ended. `key` is number << 24 | fence.
CREATE TABLE attempts (
    key INTEGER PRIMARY KEY,
    node BLOB,
    assigned INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER NOT NULL,
    reason TEXT,
    record TEXT NOT NULL,         -- JSON: outcome, usage, commands, notes
    artifacts TEXT                -- JSON
) STRICT;

-- Every change of state but the first, which is that the job was accepted. `key` is
-- number << 24 | position, from 1.
CREATE TABLE history (
    key INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    was INTEGER NOT NULL,
    became INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    message TEXT
) STRICT;

CREATE TABLE nodes (
    id BLOB PRIMARY KEY,
    description TEXT NOT NULL,    -- JSON
    wanted TEXT NOT NULL,         -- JSON
    registered INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
