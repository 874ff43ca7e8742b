-- What was asked for and what was decided stays as it was written; a request ends once; and it is approved only with as many approvals as it takes.
CREATE TRIGGER approval_decision_keeps BEFORE UPDATE OR DELETE ON approval_decision FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_decision_stays BEFORE TRUNCATE ON approval_decision FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_budget_keeps BEFORE UPDATE OR DELETE ON approval_budget FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_budget_stays BEFORE TRUNCATE ON approval_budget FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- Of a row that is not over yet the named columns may change; nothing else, and nothing afterwards.
CREATE FUNCTION ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) ->> 'ended_at' IS NOT NULL OR to_jsonb(OLD) - TG_ARGV <> to_jsonb(NEW) - TG_ARGV THEN
        RAISE EXCEPTION 'rows of % are ended, not changed', TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER approval_keeps BEFORE UPDATE ON approval
    FOR EACH ROW EXECUTE FUNCTION ends_once('status', 'ended_at', 'ended_because', 'done_posting_id');
CREATE TRIGGER approval_policy_keeps BEFORE UPDATE ON approval_policy FOR EACH ROW EXECUTE FUNCTION ends_once('ended_at');
CREATE TRIGGER approval_delegation_keeps BEFORE UPDATE ON approval_delegation FOR EACH ROW EXECUTE FUNCTION ends_once('ended_at');
CREATE TRIGGER approval_stays BEFORE DELETE ON approval FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_policy_stays BEFORE DELETE ON approval_policy FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_delegation_stays BEFORE DELETE ON approval_delegation FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_stays_whole BEFORE TRUNCATE ON approval FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_policy_stays_whole BEFORE TRUNCATE ON approval_policy FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_delegation_stays_whole BEFORE TRUNCATE ON approval_delegation FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION approval_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.status <> 'pending' THEN
        RAISE EXCEPTION 'a request begins by waiting';
    END IF;
    IF NEW.status = 'approved' AND NEW.needed > (SELECT count(*) FROM approval_decision d
            WHERE d.approval_id = NEW.id AND d.approves = 1 AND d.content_hash = NEW.content_hash) THEN
        RAISE EXCEPTION 'not enough people have approved this';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER approval_counts BEFORE INSERT OR UPDATE ON approval FOR EACH ROW EXECUTE FUNCTION approval_counts();
