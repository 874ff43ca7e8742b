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

CREATE FUNCTION access_review_is_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM role_grant g WHERE g.id = NEW.grant_id AND g.person_id = NEW.person_id AND g.region_id = NEW.region_id) THEN
        RAISE EXCEPTION 'what is reviewed is a grant of its own region';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER access_review_item_is_its_grant BEFORE INSERT ON access_review_item FOR EACH ROW EXECUTE FUNCTION access_review_is_grant();

-- Behind the wall: a line by its region, a campaign by its lines.
CREATE POLICY wall ON access_review_item
    USING ((SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[]))
    WITH CHECK ((SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[]));
CREATE POLICY wall ON access_review
    USING ((SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM access_review_item i WHERE i.review_id = access_review.id))
    WITH CHECK ((SELECT wall_is_open()));
CREATE POLICY wall ON access_review_decision
    USING ((SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM access_review_item i
        WHERE i.review_id = access_review_decision.review_id AND i.grant_id = access_review_decision.grant_id))
    WITH CHECK ((SELECT wall_is_open()));
ALTER TABLE access_review_item ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_review_item FORCE ROW LEVEL SECURITY;
ALTER TABLE access_review ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_review FORCE ROW LEVEL SECURITY;
ALTER TABLE access_review_decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_review_decision FORCE ROW LEVEL SECURITY;
