-- Second factors. The secret of an authenticator app is sealed with a key that follows from the one behind session cookies; recovery codes are
-- random enough for a plain hash.

CREATE TABLE second_factor (
    person_id {id} NOT NULL PRIMARY KEY REFERENCES person (id),
    sealed {bytes} NOT NULL,
    -- The 30 seconds whose code was used last: none before them and none of them is taken again.
    last_step {int} NOT NULL,
    since {int} NOT NULL
){strict};

CREATE TABLE recovery_code (
    code_hash {bytes} NOT NULL PRIMARY KEY,
    person_id {id} NOT NULL REFERENCES person (id),
    made_at {int} NOT NULL,
    used_at {int}
){strict};
CREATE INDEX recovery_code_by_person ON recovery_code (person_id);
