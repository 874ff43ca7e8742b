-- What points to something that has a region points within its own. Where the row that points has one region and what it points to is one row, a
-- composite foreign key says so since 0003; here are the others. SQLite adds no key to a table that is there, so these are guards.
CREATE TRIGGER budget_follows_at_home BEFORE INSERT ON budget
WHEN NEW.previous_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM budget b WHERE b.id = NEW.previous_id AND b.region_id = NEW.region_id)
BEGIN SELECT RAISE(ABORT, 'a budget follows one of its own region'); END;
CREATE TRIGGER budget_keeps_following BEFORE UPDATE OF previous_id ON budget
WHEN NEW.previous_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM budget b WHERE b.id = NEW.previous_id AND b.region_id = NEW.region_id)
BEGIN SELECT RAISE(ABORT, 'a budget follows one of its own region'); END;

-- Regions move, with all that is in them; what is in one does not leave it.
CREATE TRIGGER budget_stays_at_home BEFORE UPDATE OF region_id ON budget WHEN NEW.region_id IS NOT OLD.region_id
BEGIN SELECT RAISE(ABORT, 'a budget stays in its region'); END;
CREATE TRIGGER recipient_stays_at_home BEFORE UPDATE OF region_id ON recipient WHEN NEW.region_id IS NOT OLD.region_id
BEGIN SELECT RAISE(ABORT, 'a recipient stays in its region'); END;
CREATE TRIGGER reward_transaction_stays_at_home BEFORE UPDATE OF region_id ON reward_transaction
WHEN NEW.region_id IS NOT OLD.region_id AND EXISTS (SELECT 1 FROM posting p WHERE p.transaction_id = OLD.id)
BEGIN SELECT RAISE(ABORT, 'a transaction stays in the region of its postings'); END;

CREATE TRIGGER posting_answers_at_home BEFORE INSERT ON posting
WHEN (NEW.reverses_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.id = NEW.reverses_id
        AND coalesce(NEW.source_region_id, NEW.destination_region_id) IN (p.source_region_id, p.destination_region_id)
        AND coalesce(NEW.destination_region_id, NEW.source_region_id) IN (p.source_region_id, p.destination_region_id)))
    OR (NEW.settles_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.id = NEW.settles_id
        AND coalesce(NEW.source_region_id, NEW.destination_region_id) IN (p.source_region_id, p.destination_region_id)
        AND coalesce(NEW.destination_region_id, NEW.source_region_id) IN (p.source_region_id, p.destination_region_id)))
BEGIN SELECT RAISE(ABORT, 'a posting answers one of its own regions'); END;
CREATE TRIGGER posting_is_for_home BEFORE INSERT ON posting
WHEN NEW.transaction_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM reward_transaction t WHERE t.id = NEW.transaction_id
    AND t.region_id IN (NEW.source_region_id, NEW.destination_region_id))
BEGIN SELECT RAISE(ABORT, 'a posting is for a transaction of its own region'); END;

CREATE TRIGGER approval_budget_holds_at_home BEFORE INSERT ON approval_budget
WHEN NEW.held_posting_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.id = NEW.held_posting_id
    AND p.source_budget_id = NEW.budget_id AND p.source_region_id = NEW.region_id)
BEGIN SELECT RAISE(ABORT, 'what is held for a request is held in its budget'); END;
CREATE TRIGGER approval_is_done_at_home BEFORE UPDATE OF done_posting_id ON approval
WHEN NEW.done_posting_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM posting p JOIN approval_budget b ON b.approval_id = NEW.id
    AND b.region_id IN (p.source_region_id, p.destination_region_id) WHERE p.id = NEW.done_posting_id)
BEGIN SELECT RAISE(ABORT, 'what was asked for is done in its regions'); END;

CREATE TRIGGER rollup_counts_at_home BEFORE INSERT ON rollup
WHEN NEW.budget_key <> zeroblob(16)
    AND NOT EXISTS (SELECT 1 FROM budget b WHERE b.id = NEW.budget_key AND b.region_id = NEW.region_id)
BEGIN SELECT RAISE(ABORT, 'a sum is of a budget of its own region'); END;
