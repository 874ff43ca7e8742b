-- What is written once stays as it was written. The chain proves it; these stop it.
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END;
$$;
CREATE TRIGGER posting_keeps BEFORE UPDATE OR DELETE ON posting FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER posting_stays BEFORE TRUNCATE ON posting FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_event_keeps BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_event_stays BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION append_only();
