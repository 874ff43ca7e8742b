-- What was reviewed and what was decided stays as it was written; a campaign ends once, and nothing is added to it afterwards.
CREATE TRIGGER access_review_keeps BEFORE UPDATE ON access_review
    FOR EACH ROW EXECUTE FUNCTION ends_once('ended_at', 'ended_by', 'ended_because');
CREATE TRIGGER access_review_stays BEFORE DELETE ON access_review FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER access_review_stays_whole BEFORE TRUNCATE ON access_review FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER access_review_reviewer_keeps BEFORE UPDATE OR DELETE ON access_review_reviewer FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER access_review_reviewer_stays BEFORE TRUNCATE ON access_review_reviewer FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER access_review_item_keeps BEFORE UPDATE OR DELETE ON access_review_item FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER access_review_item_stays BEFORE TRUNCATE ON access_review_item FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER access_review_decision_keeps BEFORE UPDATE OR DELETE ON access_review_decision FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER access_review_decision_stays BEFORE TRUNCATE ON access_review_decision FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION access_review_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM access_review r WHERE r.id = NEW.review_id AND r.ended_at IS NOT NULL) THEN
        RAISE EXCEPTION 'this access review has ended';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER access_review_reviewer_frozen BEFORE INSERT ON access_review_reviewer FOR EACH ROW EXECUTE FUNCTION access_review_frozen();
CREATE TRIGGER access_review_item_frozen BEFORE INSERT ON access_review_item FOR EACH ROW EXECUTE FUNCTION access_review_frozen();
CREATE TRIGGER access_review_decision_frozen BEFORE INSERT ON access_review_decision FOR EACH ROW EXECUTE FUNCTION access_review_frozen();
