-- What vouches for the trail is never changed either.
CREATE TRIGGER audit_key_keeps BEFORE UPDATE OR DELETE ON audit_key FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_key_stays BEFORE TRUNCATE ON audit_key FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_checkpoint_keeps BEFORE UPDATE OR DELETE ON audit_checkpoint FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_checkpoint_stays BEFORE TRUNCATE ON audit_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_anchor_keeps BEFORE UPDATE OR DELETE ON audit_anchor FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_anchor_stays BEFORE TRUNCATE ON audit_anchor FOR EACH STATEMENT EXECUTE FUNCTION append_only();
