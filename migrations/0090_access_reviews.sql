-- Access reviews: a campaign, who reviews in it, the grants that were in force when it was opened, and what was decided on each.
-- Nobody decides on a grant of her own: a decision carries the holder of its line (the composite foreign key says so), and a CHECK compares.

CREATE TABLE access_review (
    id {id} NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    region_id {id} NOT NULL REFERENCES region (id),
    -- The codes of the roles that it is about, with commas between them; empty for all.
    roles TEXT NOT NULL DEFAULT '',
    due_on {int} NOT NULL,
    opened_at {int} NOT NULL,
    opened_by {id} REFERENCES person (id),
    ended_at {int},
    ended_by {id} REFERENCES person (id),
    ended_because TEXT NOT NULL DEFAULT ''
){strict};

CREATE TABLE access_review_reviewer (
    review_id {id} NOT NULL REFERENCES access_review (id),
    person_id {id} NOT NULL REFERENCES person (id),
    PRIMARY KEY (review_id, person_id)
){strict};

CREATE TABLE access_review_item (
    review_id {id} NOT NULL REFERENCES access_review (id),
    grant_id {id} NOT NULL REFERENCES role_grant (id),
    person_id {id} NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    -- What the role was called then.
    role_name TEXT NOT NULL,
    region_id {id} NOT NULL REFERENCES region (id),
    granted_at {int} NOT NULL,
    granted_by {id} REFERENCES person (id),
    ends_on {int},
    PRIMARY KEY (review_id, grant_id),
    UNIQUE (review_id, grant_id, person_id)
){strict};
CREATE INDEX access_review_item_by_region ON access_review_item (region_id, review_id);
CREATE INDEX access_review_item_by_grant ON access_review_item (grant_id);

CREATE TABLE access_review_decision (
    review_id {id} NOT NULL,
    grant_id {id} NOT NULL,
    person_id {id} NOT NULL,
    reviewer_id {id} NOT NULL,
    keeps {int} NOT NULL CHECK (keeps IN (0, 1)),
    reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    at {int} NOT NULL,
    PRIMARY KEY (review_id, grant_id),
    FOREIGN KEY (review_id, grant_id, person_id) REFERENCES access_review_item (review_id, grant_id, person_id),
    FOREIGN KEY (review_id, reviewer_id) REFERENCES access_review_reviewer (review_id, person_id),
    CHECK (reviewer_id <> person_id)
){strict};
CREATE INDEX access_review_decision_by_reviewer ON access_review_decision (reviewer_id, at);
