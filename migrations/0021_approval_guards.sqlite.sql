-- What was asked for and what was decided stays as it was written; a request ends once; and it is approved only with as many approvals as it takes.
CREATE TRIGGER approval_decision_keeps BEFORE UPDATE ON approval_decision BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER approval_decision_stays BEFORE DELETE ON approval_decision BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER approval_budget_keeps BEFORE UPDATE ON approval_budget BEGIN SELECT RAISE(ABORT, 'the budgets of a request are append-only'); END;
CREATE TRIGGER approval_budget_stays BEFORE DELETE ON approval_budget BEGIN SELECT RAISE(ABORT, 'the budgets of a request are append-only'); END;
CREATE TRIGGER approval_stays BEFORE DELETE ON approval BEGIN SELECT RAISE(ABORT, 'requests for approval are not deleted'); END;
CREATE TRIGGER approval_keeps BEFORE UPDATE ON approval
WHEN OLD.status <> 'pending' OR NEW.id IS NOT OLD.id OR NEW.matter IS NOT OLD.matter OR NEW.requester_id IS NOT OLD.requester_id
    OR NEW.policy_id IS NOT OLD.policy_id OR NEW.needed IS NOT OLD.needed OR NEW.currency IS NOT OLD.currency OR NEW.amount IS NOT OLD.amount
    OR NEW.order_text IS NOT OLD.order_text OR NEW.effects IS NOT OLD.effects OR NEW.content_hash IS NOT OLD.content_hash
    OR NEW.made_budget_id IS NOT OLD.made_budget_id OR NEW.asked_at IS NOT OLD.asked_at OR NEW.expires_at IS NOT OLD.expires_at
BEGIN SELECT RAISE(ABORT, 'what was asked for is not changed'); END;
CREATE TRIGGER approval_counts BEFORE UPDATE ON approval
WHEN NEW.status = 'approved' AND NEW.needed > (SELECT count(*) FROM approval_decision d
    WHERE d.approval_id = NEW.id AND d.approves = 1 AND d.content_hash = NEW.content_hash)
BEGIN SELECT RAISE(ABORT, 'not enough people have approved this'); END;
CREATE TRIGGER approval_begins BEFORE INSERT ON approval WHEN NEW.status <> 'pending'
BEGIN SELECT RAISE(ABORT, 'a request begins by waiting'); END;
CREATE TRIGGER approval_policy_keeps BEFORE UPDATE ON approval_policy
WHEN OLD.ended_at IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.matter IS NOT OLD.matter OR NEW.region_id IS NOT OLD.region_id
    OR NEW.currency IS NOT OLD.currency OR NEW.from_amount IS NOT OLD.from_amount OR NEW.day_amount IS NOT OLD.day_amount
    OR NEW.approvers IS NOT OLD.approvers OR NEW.created_at IS NOT OLD.created_at OR NEW.created_by IS NOT OLD.created_by
BEGIN SELECT RAISE(ABORT, 'a policy is ended, not changed'); END;
CREATE TRIGGER approval_policy_stays BEFORE DELETE ON approval_policy BEGIN SELECT RAISE(ABORT, 'a policy is ended, not deleted'); END;
CREATE TRIGGER approval_delegation_keeps BEFORE UPDATE ON approval_delegation
WHEN OLD.ended_at IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.from_id IS NOT OLD.from_id OR NEW.to_id IS NOT OLD.to_id
    OR NEW.starts_on IS NOT OLD.starts_on OR NEW.ends_on IS NOT OLD.ends_on OR NEW.created_at IS NOT OLD.created_at
BEGIN SELECT RAISE(ABORT, 'what was lent is taken back, not changed'); END;
CREATE TRIGGER approval_delegation_stays BEFORE DELETE ON approval_delegation BEGIN SELECT RAISE(ABORT, 'what was lent is taken back, not deleted'); END;
