-- How often signing in was tried in vain, so that it cannot be tried without end; and the devices that people have signed in from, which are
-- counted apart, so that nobody can lock somebody else out. Only hashes are kept: of account and network, of the device's token.

CREATE TABLE sign_in_count (
    key {bytes} NOT NULL PRIMARY KEY,
    failures {int} NOT NULL CHECK (failures >= 0),
    last_at {int} NOT NULL,
    blocked_until {int} NOT NULL
){strict};
CREATE INDEX sign_in_count_by_time ON sign_in_count (last_at);

CREATE TABLE known_device (
    token_hash {bytes} NOT NULL,
    person_id {id} NOT NULL REFERENCES person (id),
    first_at {int} NOT NULL,
    last_at {int} NOT NULL,
    PRIMARY KEY (token_hash, person_id)
){strict};
CREATE INDEX known_device_by_person ON known_device (person_id);
CREATE INDEX known_device_by_time ON known_device (last_at);
