-- What vouches for the trail: the keys that sign, what they signed, and where that was noted outside the database.
-- `note` is what was signed; the other columns of a checkpoint are copies of it for going on from, and the verifier recomputes them.

CREATE TABLE audit_key (
    no {serial},
    at {int} NOT NULL,
    public_key TEXT NOT NULL UNIQUE
){strict};

CREATE TABLE audit_checkpoint (
    size {int} NOT NULL PRIMARY KEY,
    at {int} NOT NULL,
    root {bytes} NOT NULL,
    chain {bytes} NOT NULL,
    peaks {bytes} NOT NULL,
    posting_no {int} NOT NULL,
    postings {bytes} NOT NULL,
    public_key TEXT NOT NULL REFERENCES audit_key (public_key),
    note TEXT NOT NULL
){strict};

CREATE TABLE audit_anchor (
    no {serial},
    size {int} NOT NULL REFERENCES audit_checkpoint (size),
    kind TEXT NOT NULL CHECK (kind IN ('file', 'syslog', 'mail')),
    at {int} NOT NULL
){strict};
CREATE INDEX audit_anchor_by_kind ON audit_anchor (kind, size);
