-- Approvals: the policies, what waits for a decision or waited, who decided, and whose right that was.
-- Nobody approves what she asked for: a decision carries the requester of its request (the composite foreign key says so), and a CHECK compares.

CREATE TABLE approval_policy (
    id {id} NOT NULL PRIMARY KEY,
    matter TEXT NOT NULL CHECK (matter IN ('allocation', 'adjustment', 'transfer', 'reservation', 'carry_over', 'reversal')),
    region_id {id} NOT NULL REFERENCES region (id),
    currency TEXT CHECK (length(currency) = 3),
    from_amount {int} CHECK (from_amount >= 0),
    day_amount {int} CHECK (day_amount > 0),
    approvers {int} NOT NULL CHECK (approvers BETWEEN 1 AND 5),
    created_at {int} NOT NULL,
    created_by {id} REFERENCES person (id),
    ended_at {int},
    CHECK (from_amount IS NOT NULL OR day_amount IS NOT NULL),
    CHECK (currency IS NOT NULL OR (from_amount = 0 AND day_amount IS NULL))
){strict};
CREATE INDEX approval_policy_in_force ON approval_policy (matter, region_id) WHERE ended_at IS NULL;

CREATE TABLE approval (
    id {id} NOT NULL PRIMARY KEY,
    matter TEXT NOT NULL CHECK (matter IN ('allocation', 'adjustment', 'transfer', 'reservation', 'carry_over', 'reversal')),
    requester_id {id} NOT NULL REFERENCES person (id),
    policy_id {id} NOT NULL REFERENCES approval_policy (id),
    needed {int} NOT NULL CHECK (needed BETWEEN 1 AND 5),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount {int} NOT NULL CHECK (amount > 0),
    order_text TEXT NOT NULL,
    effects TEXT NOT NULL,
    content_hash {bytes} NOT NULL,
    made_budget_id {id} NOT NULL,
    asked_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'withdrawn')),
    ended_at {int},
    ended_because TEXT NOT NULL DEFAULT '',
    done_posting_id {id} REFERENCES posting (id),
    UNIQUE (id, requester_id),
    CHECK ((status = 'pending') = (ended_at IS NULL)),
    CHECK ((status = 'approved') = (done_posting_id IS NOT NULL))
){strict};
CREATE INDEX approval_by_status ON approval (status, asked_at);
CREATE INDEX approval_by_requester ON approval (requester_id, asked_at);
CREATE UNIQUE INDEX approval_done_once ON approval (done_posting_id) WHERE done_posting_id IS NOT NULL;

-- Every budget that takes part, but one that is made only with it; and the reservation that keeps its money while the request waits.
CREATE TABLE approval_budget (
    approval_id {id} NOT NULL REFERENCES approval (id),
    budget_id {id} NOT NULL,
    region_id {id} NOT NULL,
    held {int} NOT NULL DEFAULT 0 CHECK (held >= 0),
    held_posting_id {id} REFERENCES posting (id),
    PRIMARY KEY (approval_id, budget_id),
    FOREIGN KEY (budget_id, region_id) REFERENCES budget (id, region_id),
    CHECK ((held > 0) = (held_posting_id IS NOT NULL))
){strict};
CREATE INDEX approval_budget_by_budget ON approval_budget (budget_id);
CREATE UNIQUE INDEX approval_budget_by_hold ON approval_budget (held_posting_id) WHERE held_posting_id IS NOT NULL;

CREATE TABLE approval_decision (
    approval_id {id} NOT NULL,
    requester_id {id} NOT NULL,
    person_id {id} NOT NULL REFERENCES person (id),
    authority_id {id} NOT NULL REFERENCES person (id),
    approves {int} NOT NULL CHECK (approves IN (0, 1)),
    content_hash {bytes} NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    at {int} NOT NULL,
    PRIMARY KEY (approval_id, person_id),
    FOREIGN KEY (approval_id, requester_id) REFERENCES approval (id, requester_id),
    CHECK (person_id <> requester_id),
    CHECK (authority_id <> requester_id)
){strict};
CREATE UNIQUE INDEX approval_decision_by_right ON approval_decision (approval_id, authority_id);

CREATE TABLE approval_delegation (
    id {id} NOT NULL PRIMARY KEY,
    from_id {id} NOT NULL REFERENCES person (id),
    to_id {id} NOT NULL REFERENCES person (id),
    starts_on {int} NOT NULL,
    ends_on {int} NOT NULL,
    created_at {int} NOT NULL,
    ended_at {int},
    CHECK (from_id <> to_id),
    CHECK (starts_on <= ends_on)
){strict};
CREATE INDEX approval_delegation_by_to ON approval_delegation (to_id) WHERE ended_at IS NULL;
CREATE INDEX approval_delegation_by_from ON approval_delegation (from_id) WHERE ended_at IS NULL;

-- What one person moved within a day.
CREATE INDEX posting_by_actor ON posting (actor_id, at) WHERE actor_id IS NOT NULL AND transaction_id IS NULL;
