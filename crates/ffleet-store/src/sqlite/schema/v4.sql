-- Who may call. The key itself is kept nowhere.
CREATE TABLE keys (
    name TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,    -- SHA-256
    role TEXT NOT NULL,
    tenant TEXT,                  -- of keys that are for one tenant's work
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires INTEGER,
    revoked INTEGER
) STRICT, WITHOUT ROWID;

-- Who owns work. The tenant `default` has a row only once something was said of it. A quota that is
-- null bounds nothing.
CREATE TABLE tenants (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    most_queued INTEGER,          -- the one quota that this store keeps: see `submit`
    record TEXT NOT NULL          -- JSON: everything that was said of it
) STRICT, WITHOUT ROWID;

-- So that a tenant's waiting jobs can be counted while one more is accepted.
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT 'default';
UPDATE jobs SET owner = (SELECT tenant FROM requests WHERE requests.number = jobs.number)
    WHERE ended IS NULL;
CREATE INDEX jobs_waiting ON jobs (owner) WHERE state IN (0, 4);

-- The audit log: calls that change something.
CREATE TABLE deeds (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    role TEXT,
    tenant TEXT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    origin TEXT NOT NULL,         -- the address it came from
    status INTEGER NOT NULL
) STRICT;
CREATE INDEX deeds_by_who ON deeds (who, number);

-- Machines that may join, once each, and those that have. The secret itself is kept nowhere.
CREATE TABLE invitations (
    hash BLOB PRIMARY KEY,        -- SHA-256
    name TEXT,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    node BLOB PRIMARY KEY,
    name TEXT,                    -- as the invitation had it
    enrolled INTEGER NOT NULL,
    invited_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
