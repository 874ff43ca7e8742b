-- People, what they may do where, how they signed in, and the organisation's own settings.
-- {id} {int} {bytes} {serial} {strict} are spelled for each engine by src/store/migrate.rs. Times are microseconds UTC, days are days since
-- 1970-01-01, money is minor units: integers all, so that both engines hold the same numbers.

CREATE TABLE setting (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
){strict};

CREATE TABLE secret (
    key TEXT NOT NULL PRIMARY KEY,
    value {bytes} NOT NULL
){strict};

CREATE TABLE currency_in_use (
    code TEXT NOT NULL PRIMARY KEY CHECK (length(code) = 3)
){strict};

CREATE TABLE region (
    id {id} NOT NULL PRIMARY KEY,
    parent_id {id} REFERENCES region (id),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    currency TEXT NOT NULL REFERENCES currency_in_use (code),
    time_zone TEXT NOT NULL,
    fiscal_start_month {int} NOT NULL CHECK (fiscal_start_month BETWEEN 1 AND 12),
    cost_centre TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('active', 'retired')),
    version {int} NOT NULL DEFAULT 1,
    created_at {int} NOT NULL
){strict};
CREATE INDEX region_by_parent ON region (parent_id);
-- One root, and no two regions of one name side by side. Elsewhere a name may come again: whoever adds a region would otherwise learn what
-- regions there are that she does not see.
CREATE UNIQUE INDEX region_one_root ON region ((1)) WHERE parent_id IS NULL;
CREATE UNIQUE INDEX region_name ON region (parent_id, lower(name));

CREATE TABLE person (
    id {id} NOT NULL PRIMARY KEY,
    email TEXT NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    password_hash TEXT,
    status TEXT NOT NULL CHECK (status IN ('invited', 'active', 'suspended')),
    theme TEXT NOT NULL DEFAULT '' CHECK (theme IN ('', 'light', 'dark')),
    density TEXT NOT NULL DEFAULT '' CHECK (density IN ('', 'comfortable')),
    shortcuts {int} NOT NULL DEFAULT 1 CHECK (shortcuts IN (0, 1)),
    version {int} NOT NULL DEFAULT 1,
    created_at {int} NOT NULL,
    last_sign_in_at {int}
){strict};
CREATE UNIQUE INDEX person_email ON person (lower(email));

CREATE TABLE role_grant (
    id {id} NOT NULL PRIMARY KEY,
    person_id {id} NOT NULL REFERENCES person (id),
    role TEXT NOT NULL CHECK (
        role IN ('regional_partner', 'regional_administrator', 'finance_controller', 'auditor', 'administrator')
    ),
    region_id {id} NOT NULL REFERENCES region (id),
    ends_on {int},
    granted_at {int} NOT NULL,
    granted_by {id} REFERENCES person (id),
    ended_at {int}
){strict};
CREATE INDEX role_grant_by_person ON role_grant (person_id);
CREATE UNIQUE INDEX role_grant_in_force ON role_grant (person_id, role, region_id) WHERE ended_at IS NULL;

-- Only a hash of the token is kept: who reads this table cannot sign in with it.
CREATE TABLE session (
    token_hash {bytes} NOT NULL PRIMARY KEY,
    person_id {id} REFERENCES person (id),
    state TEXT NOT NULL,
    created_at {int} NOT NULL,
    last_seen_at {int} NOT NULL,
    expires_at {int} NOT NULL
){strict};
CREATE INDEX session_by_person ON session (person_id);
CREATE INDEX session_by_expiry ON session (expires_at);

CREATE TABLE one_time_link (
    token_hash {bytes} NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('setup', 'password')),
    person_id {id} REFERENCES person (id),
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    used_at {int}
){strict};

CREATE TABLE idempotency (
    principal TEXT NOT NULL,
    command TEXT NOT NULL,
    key TEXT NOT NULL,
    content_hash {bytes} NOT NULL,
    answer TEXT NOT NULL,
    at {int} NOT NULL,
    PRIMARY KEY (principal, command, key)
){strict};
