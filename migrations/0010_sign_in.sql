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

-- Letters that wait to be mailed. The one-time link is made when a letter is sent, so that no usable link is ever kept.
CREATE TABLE mail (
    id {id} NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (
        kind IN (
            'invitation', 'reset', 'password_changed', 'second_factor_on', 'second_factor_off', 'codes_made', 'code_used', 'code_guessed'
        )
    ),
    person_id {id} NOT NULL REFERENCES person (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
    created_at {int} NOT NULL,
    next_try_at {int} NOT NULL,
    tries {int} NOT NULL DEFAULT 0,
    ended_at {int},
    fault TEXT NOT NULL DEFAULT ''
){strict};
CREATE INDEX mail_waiting ON mail (next_try_at) WHERE state = 'waiting';
CREATE INDEX mail_by_person ON mail (person_id);
