-- The one sequence: every change is an event, numbered without gaps in commit order and chained (src/domain/audit.rs).
-- `body` is what was sealed; the other columns are copies of it for searching, and the verifier recomputes them.

CREATE TABLE audit_head (
    one {int} NOT NULL PRIMARY KEY CHECK (one = 1),
    log_id {bytes} NOT NULL,
    seq {int} NOT NULL,
    chain {bytes} NOT NULL
){strict};

CREATE TABLE audit_event (
    seq {int} NOT NULL PRIMARY KEY,
    id {id} NOT NULL,
    at {int} NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id {id},
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    region_id {id},
    body_version {int} NOT NULL,
    body {bytes} NOT NULL,
    leaf {bytes} NOT NULL,
    chain {bytes} NOT NULL
){strict};
CREATE INDEX audit_event_by_object ON audit_event (object_kind, object_id, seq);
CREATE INDEX audit_event_by_region ON audit_event (region_id, seq);
CREATE INDEX audit_event_by_actor ON audit_event (actor_id, seq);
