-- What was reviewed and what was decided stays as it was written; a campaign ends once, and nothing is added to it afterwards.
CREATE TRIGGER access_review_keeps BEFORE UPDATE ON access_review
WHEN OLD.ended_at IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.name IS NOT OLD.name OR NEW.region_id IS NOT OLD.region_id
    OR NEW.roles IS NOT OLD.roles OR NEW.due_on IS NOT OLD.due_on OR NEW.opened_at IS NOT OLD.opened_at OR NEW.opened_by IS NOT OLD.opened_by
BEGIN SELECT RAISE(ABORT, 'an access review is ended, not changed'); END;
CREATE TRIGGER access_review_stays BEFORE DELETE ON access_review BEGIN SELECT RAISE(ABORT, 'an access review is ended, not deleted'); END;
CREATE TRIGGER access_review_reviewer_keeps BEFORE UPDATE ON access_review_reviewer BEGIN SELECT RAISE(ABORT, 'reviewers are append-only'); END;
CREATE TRIGGER access_review_reviewer_stays BEFORE DELETE ON access_review_reviewer BEGIN SELECT RAISE(ABORT, 'reviewers are append-only'); END;
CREATE TRIGGER access_review_item_keeps BEFORE UPDATE ON access_review_item BEGIN SELECT RAISE(ABORT, 'what is reviewed is append-only'); END;
CREATE TRIGGER access_review_item_stays BEFORE DELETE ON access_review_item BEGIN SELECT RAISE(ABORT, 'what is reviewed is append-only'); END;
CREATE TRIGGER access_review_decision_keeps BEFORE UPDATE ON access_review_decision BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER access_review_decision_stays BEFORE DELETE ON access_review_decision BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER access_review_reviewer_frozen BEFORE INSERT ON access_review_reviewer
WHEN EXISTS (SELECT 1 FROM access_review r WHERE r.id = NEW.review_id AND r.ended_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'this access review has ended'); END;
CREATE TRIGGER access_review_item_frozen BEFORE INSERT ON access_review_item
WHEN EXISTS (SELECT 1 FROM access_review r WHERE r.id = NEW.review_id AND r.ended_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'this access review has ended'); END;
CREATE TRIGGER access_review_decision_frozen BEFORE INSERT ON access_review_decision
WHEN EXISTS (SELECT 1 FROM access_review r WHERE r.id = NEW.review_id AND r.ended_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'this access review has ended'); END;
CREATE TRIGGER access_review_item_is_its_grant BEFORE INSERT ON access_review_item
WHEN NOT EXISTS (SELECT 1 FROM role_grant g WHERE g.id = NEW.grant_id AND g.person_id = NEW.person_id AND g.region_id = NEW.region_id)
BEGIN SELECT RAISE(ABORT, 'what is reviewed is a grant of its own region'); END;
