-- What vouches for the trail is never changed either.
CREATE TRIGGER audit_key_keeps BEFORE UPDATE ON audit_key BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_key_stays BEFORE DELETE ON audit_key BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_checkpoint_keeps BEFORE UPDATE ON audit_checkpoint BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_checkpoint_stays BEFORE DELETE ON audit_checkpoint BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_anchor_keeps BEFORE UPDATE ON audit_anchor BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_anchor_stays BEFORE DELETE ON audit_anchor BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
