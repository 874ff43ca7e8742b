-- A grant gives one of the five roles, or a custom one. SQLite cannot change a CHECK: the table is made again.
CREATE TABLE role_grant_next (
    id BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL REFERENCES person (id),
    role TEXT NOT NULL CHECK (
        role IN ('regional_partner', 'regional_administrator', 'finance_controller', 'auditor', 'administrator', 'custom')
    ),
    region_id BLOB NOT NULL REFERENCES region (id),
    ends_on INTEGER,
    granted_at INTEGER NOT NULL,
    granted_by BLOB REFERENCES person (id),
    ended_at INTEGER,
    custom_role_id BLOB REFERENCES custom_role (id),
    CHECK ((role = 'custom') = (custom_role_id IS NOT NULL))
) STRICT;
INSERT INTO role_grant_next (id, person_id, role, region_id, ends_on, granted_at, granted_by, ended_at)
    SELECT id, person_id, role, region_id, ends_on, granted_at, granted_by, ended_at FROM role_grant;
DROP TABLE role_grant;
ALTER TABLE role_grant_next RENAME TO role_grant;
CREATE INDEX role_grant_by_person ON role_grant (person_id);
CREATE INDEX role_grant_by_custom_role ON role_grant (custom_role_id);
CREATE UNIQUE INDEX role_grant_in_force ON role_grant (person_id, role, region_id) WHERE ended_at IS NULL AND custom_role_id IS NULL;
CREATE UNIQUE INDEX role_grant_custom_in_force ON role_grant (person_id, custom_role_id, region_id) WHERE ended_at IS NULL AND custom_role_id IS NOT NULL;
