-- Budgets and the ledger. A posting is append-only and has two ends; a composite foreign key with the region keeps each end in its own region.

CREATE TABLE reason_code (
    code TEXT NOT NULL PRIMARY KEY CHECK (length(code) BETWEEN 1 AND 40),
    label TEXT NOT NULL CHECK (length(label) BETWEEN 1 AND 120),
    active {int} NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
){strict};

CREATE TABLE budget (
    id {id} NOT NULL PRIMARY KEY,
    region_id {id} NOT NULL REFERENCES region (id),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    currency TEXT NOT NULL REFERENCES currency_in_use (code),
    period_start {int} NOT NULL,
    period_end {int} NOT NULL,
    owner_id {id} REFERENCES person (id),
    cost_centre TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('draft', 'active', 'closed')),
    version {int} NOT NULL DEFAULT 1,
    allocated {int} NOT NULL DEFAULT 0,
    adjusted {int} NOT NULL DEFAULT 0,
    carried_over {int} NOT NULL DEFAULT 0,
    reserved {int} NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    spent {int} NOT NULL DEFAULT 0,
    previous_id {id} REFERENCES budget (id),
    created_at {int} NOT NULL,
    CHECK (period_start <= period_end),
    UNIQUE (id, region_id)
){strict};
CREATE INDEX budget_by_region ON budget (region_id, name);

-- What a budget's own attributes were, version by version; its money is in the postings.
CREATE TABLE budget_version (
    budget_id {id} NOT NULL REFERENCES budget (id),
    version {int} NOT NULL,
    at {int} NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id {id},
    attributes TEXT NOT NULL,
    PRIMARY KEY (budget_id, version)
){strict};

CREATE TABLE posting (
    no {serial},
    id {id} NOT NULL UNIQUE,
    at {int} NOT NULL,
    effective_date {int} NOT NULL,
    kind TEXT NOT NULL CHECK (
        kind IN (
            'allocation', 'adjustment', 'transfer', 'reserve', 'commit', 'void', 'spend', 'refund', 'expiry_return', 'carry_over',
            'reversal'
        )
    ),
    counted TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    source_account TEXT NOT NULL,
    source_budget_id {id},
    source_region_id {id},
    source_available_after {int},
    destination_account TEXT NOT NULL,
    destination_budget_id {id},
    destination_region_id {id},
    destination_available_after {int},
    transaction_id {id},
    import_id {id},
    reverses_id {id} REFERENCES posting (id),
    settles_id {id} REFERENCES posting (id),
    pair_id {id},
    reason_code TEXT,
    note TEXT NOT NULL DEFAULT '',
    fx_rate TEXT,
    fx_date {int},
    fx_source TEXT,
    actor_kind TEXT NOT NULL,
    actor_id {id},
    CHECK ((source_budget_id IS NULL) = (source_region_id IS NULL)),
    CHECK ((destination_budget_id IS NULL) = (destination_region_id IS NULL)),
    CHECK (source_budget_id IS NOT NULL OR destination_budget_id IS NOT NULL),
    FOREIGN KEY (source_budget_id, source_region_id) REFERENCES budget (id, region_id),
    FOREIGN KEY (destination_budget_id, destination_region_id) REFERENCES budget (id, region_id)
){strict};
CREATE INDEX posting_by_source ON posting (source_budget_id, no);
CREATE INDEX posting_by_destination ON posting (destination_budget_id, no);
CREATE INDEX posting_by_transaction ON posting (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX posting_by_import ON posting (import_id) WHERE import_id IS NOT NULL;
-- A posting is reversed once; one that stands for many transactions is given back transaction by transaction, each once.
CREATE UNIQUE INDEX posting_reversed_once ON posting (reverses_id) WHERE reverses_id IS NOT NULL AND transaction_id IS NULL;
CREATE UNIQUE INDEX posting_returned_once ON posting (reverses_id, transaction_id) WHERE reverses_id IS NOT NULL AND transaction_id IS NOT NULL;
CREATE UNIQUE INDEX posting_settled_once ON posting (settles_id, kind) WHERE settles_id IS NOT NULL;
