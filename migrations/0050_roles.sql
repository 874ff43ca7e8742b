-- Roles that the organisation makes for itself: a name for a set of permissions. The five are in the program.

CREATE TABLE custom_role (
    id {id} NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    -- The code of one of the five, or the id of another.
    made_from TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'retired')),
    version {int} NOT NULL DEFAULT 1,
    created_at {int} NOT NULL,
    created_by {id} REFERENCES person (id)
){strict};
CREATE UNIQUE INDEX custom_role_name ON custom_role (lower(name));

CREATE TABLE custom_role_permission (
    role_id {id} NOT NULL REFERENCES custom_role (id),
    permission TEXT NOT NULL,
    PRIMARY KEY (role_id, permission)
){strict};
