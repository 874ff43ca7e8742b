-- A grant gives one of the five roles, or a custom one. Changed in place, so that the rights on the table stay as they are.
ALTER TABLE role_grant ADD COLUMN custom_role_id UUID REFERENCES custom_role (id);
ALTER TABLE role_grant DROP CONSTRAINT role_grant_role_check;
ALTER TABLE role_grant ADD CONSTRAINT role_grant_role_check CHECK (
    role IN ('regional_partner', 'regional_administrator', 'finance_controller', 'auditor', 'administrator', 'custom')
);
ALTER TABLE role_grant ADD CONSTRAINT role_grant_custom_check CHECK ((role = 'custom') = (custom_role_id IS NOT NULL));
DROP INDEX role_grant_in_force;
CREATE INDEX role_grant_by_custom_role ON role_grant (custom_role_id);
CREATE UNIQUE INDEX role_grant_in_force ON role_grant (person_id, role, region_id) WHERE ended_at IS NULL AND custom_role_id IS NULL;
CREATE UNIQUE INDEX role_grant_custom_in_force ON role_grant (person_id, custom_role_id, region_id) WHERE ended_at IS NULL AND custom_role_id IS NOT NULL;
