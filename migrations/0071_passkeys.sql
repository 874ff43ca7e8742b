-- Passkeys: the public half only. One that was used says how often, where it counts.

CREATE TABLE passkey (
    id {id} NOT NULL PRIMARY KEY,
    person_id {id} NOT NULL REFERENCES person (id),
    credential_id {bytes} NOT NULL,
    algorithm {int} NOT NULL CHECK (algorithm IN (-7, -8, -257)),
    public_key {bytes} NOT NULL,
    counter {int} NOT NULL CHECK (counter >= 0),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    added_at {int} NOT NULL,
    used_at {int}
){strict};
CREATE UNIQUE INDEX passkey_credential ON passkey (credential_id);
CREATE INDEX passkey_by_person ON passkey (person_id);
