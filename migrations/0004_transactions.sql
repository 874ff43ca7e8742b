-- Reward transactions, the people who received them (apart, so that a person can be erased), and where they came from.

CREATE TABLE source (
    id {id} NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    created_at {int} NOT NULL
){strict};
CREATE UNIQUE INDEX source_name ON source (lower(name));

-- One row for a recipient in a region: the same person in two regions is two rows, and neither region can tell.
CREATE TABLE recipient (
    id {id} NOT NULL PRIMARY KEY,
    region_id {id} NOT NULL REFERENCES region (id),
    match_key {bytes} NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',
    employee_number TEXT NOT NULL DEFAULT '',
    -- The three before in lower case, a line each: what is searched in.
    folded TEXT NOT NULL DEFAULT '',
    UNIQUE (id, region_id)
){strict};
CREATE UNIQUE INDEX recipient_match ON recipient (region_id, match_key);

CREATE TABLE import_run (
    no {serial},
    id {id} NOT NULL UNIQUE,
    source_id {id} NOT NULL REFERENCES source (id),
    person_id {id} REFERENCES person (id),
    file_name TEXT NOT NULL,
    file_bytes {int} NOT NULL DEFAULT 0,
    file_sha256 {bytes},
    state TEXT NOT NULL CHECK (state IN ('uploading', 'mapping', 'checking', 'checked', 'committing', 'done', 'failed', 'withdrawn')),
    mapping TEXT NOT NULL DEFAULT '',
    mode TEXT NOT NULL DEFAULT '' CHECK (mode IN ('', 'all_or_nothing', 'good_rows')),
    rows_read {int} NOT NULL DEFAULT 0,
    rows_created {int} NOT NULL DEFAULT 0,
    rows_changed {int} NOT NULL DEFAULT 0,
    rows_unchanged {int} NOT NULL DEFAULT 0,
    rows_refused {int} NOT NULL DEFAULT 0,
    report TEXT NOT NULL DEFAULT '',
    failure TEXT NOT NULL DEFAULT '',
    version {int} NOT NULL DEFAULT 1,
    created_at {int} NOT NULL,
    finished_at {int}
){strict};
CREATE INDEX import_run_by_person ON import_run (person_id, no);
CREATE INDEX import_run_unfinished ON import_run (no) WHERE finished_at IS NULL;

-- The regions an import touched: who may see the import's page is decided by them.
CREATE TABLE import_region (
    import_id {id} NOT NULL REFERENCES import_run (id),
    region_id {id} NOT NULL REFERENCES region (id),
    PRIMARY KEY (import_id, region_id)
){strict};

-- The uploaded file, in pieces, until the import is done or withdrawn.
CREATE TABLE import_piece (
    import_id {id} NOT NULL REFERENCES import_run (id),
    piece {int} NOT NULL,
    bytes {bytes} NOT NULL,
    PRIMARY KEY (import_id, piece)
){strict};

CREATE TABLE import_refusal (
    import_id {id} NOT NULL REFERENCES import_run (id),
    line {int} NOT NULL,
    code TEXT NOT NULL,
    field TEXT NOT NULL,
    message TEXT NOT NULL,
    original TEXT NOT NULL,
    PRIMARY KEY (import_id, line)
){strict};

CREATE TABLE mapping (
    id {id} NOT NULL PRIMARY KEY,
    source_id {id} NOT NULL REFERENCES source (id),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    body TEXT NOT NULL,
    version {int} NOT NULL DEFAULT 1,
    updated_at {int} NOT NULL
){strict};
CREATE UNIQUE INDEX mapping_name ON mapping (source_id, lower(name));

-- `import_no` is the import that created the row, 0 for none; a row is seen once its import is done (store/transactions.rs). What an import changes
-- of a row that was there before is first a copy under its own number, with the row's id: see import_change. `counted_import_no` is the import in
-- whose postings the row's money stands, where a later file has changed it.
CREATE TABLE reward_transaction (
    no {serial},
    id {id} NOT NULL,
    region_id {id} NOT NULL REFERENCES region (id),
    budget_id {id},
    recipient_id {id},
    source_id {id} NOT NULL REFERENCES source (id),
    row_key {bytes} NOT NULL,
    content_hash {bytes} NOT NULL,
    import_no {int} NOT NULL DEFAULT 0,
    counted_import_no {int},
    external_id TEXT,
    order_id TEXT,
    batch_id TEXT,
    line_number {int},
    po_number TEXT,
    campaign TEXT,
    channel TEXT NOT NULL,
    cost_center TEXT,
    product TEXT,
    amount_issued {int} NOT NULL,
    amount_charged {int},
    fee {int},
    discount {int},
    remaining_balance {int},
    currency_code TEXT NOT NULL,
    fx_rate TEXT,
    fx_date {int},
    base_amount {int},
    gl_account TEXT,
    order_status TEXT NOT NULL,
    delivery_status TEXT NOT NULL,
    redemption_status TEXT NOT NULL,
    recon_status TEXT NOT NULL DEFAULT 'expected',
    approval_status TEXT NOT NULL DEFAULT 'not_required',
    created_at {int} NOT NULL,
    issued_at {int} NOT NULL,
    delivered_at {int},
    redeemed_at {int},
    expires_at {int},
    canceled_at {int},
    updated_at {int} NOT NULL,
    effective_date {int} NOT NULL,
    reason_code TEXT,
    note TEXT,
    version {int} NOT NULL DEFAULT 1,
    FOREIGN KEY (budget_id, region_id) REFERENCES budget (id, region_id),
    FOREIGN KEY (recipient_id, region_id) REFERENCES recipient (id, region_id)
){strict};
-- A row is one within its region: nobody learns from a file what stands in another. The region comes last, so that rows that come in by
-- ascending ids are still written side by side.
CREATE UNIQUE INDEX reward_transaction_id ON reward_transaction (id, import_no);
CREATE UNIQUE INDEX reward_transaction_row ON reward_transaction (source_id, row_key, region_id, import_no);
CREATE INDEX reward_transaction_by_date ON reward_transaction (region_id, issued_at, no);
CREATE INDEX reward_transaction_by_amount ON reward_transaction (region_id, amount_issued, no);
CREATE INDEX reward_transaction_by_budget ON reward_transaction (budget_id, issued_at, no) WHERE budget_id IS NOT NULL;
CREATE INDEX reward_transaction_by_recipient ON reward_transaction (recipient_id, issued_at) WHERE recipient_id IS NOT NULL;
CREATE INDEX reward_transaction_by_order ON reward_transaction (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX reward_transaction_by_batch ON reward_transaction (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX reward_transaction_by_external ON reward_transaction (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX reward_transaction_failed ON reward_transaction (region_id, issued_at, no) WHERE delivery_status = 'failed';
CREATE INDEX reward_transaction_unassigned ON reward_transaction (region_id, issued_at, no) WHERE budget_id IS NULL;

-- What an import changes of rows that were there before (store/import_changes.rs). While the import is not done, `old_no` is seen and its copy is
-- not; when it is done it is the other way round, for all of them at once; then, a few at a time, each copy is written over its row and goes.
CREATE TABLE import_change (
    old_no {int} NOT NULL PRIMARY KEY,
    import_no {int} NOT NULL,
    id {id} NOT NULL,
    -- What the trail will say of it.
    event TEXT NOT NULL
){strict};
CREATE INDEX import_change_by_import ON import_change (import_no, old_no);

-- What an import calls people from then on.
CREATE TABLE import_rename (
    import_no {int} NOT NULL,
    recipient_id {id} NOT NULL REFERENCES recipient (id),
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    employee_number TEXT NOT NULL,
    folded TEXT NOT NULL,
    PRIMARY KEY (import_no, recipient_id)
){strict};

-- Sums kept in the same transaction as the write. `import_no` as above: an import's rows are added once, hidden, and seen when it is done.
-- `budget_key` is the budget's id, or sixteen zero bytes for none: a primary key has no NULL.
-- `month` is the month's first day, in the organisation's time zone.
CREATE TABLE rollup (
    region_id {id} NOT NULL REFERENCES region (id),
    budget_key {id} NOT NULL,
    month {int} NOT NULL,
    currency_code TEXT NOT NULL,
    order_status TEXT NOT NULL,
    delivery_status TEXT NOT NULL,
    redemption_status TEXT NOT NULL,
    import_no {int} NOT NULL,
    transactions {int} NOT NULL,
    amount {int} NOT NULL,
    PRIMARY KEY (region_id, month, budget_key, currency_code, order_status, delivery_status, redemption_status, import_no)
){strict};

CREATE TABLE export_run (
    id {id} NOT NULL PRIMARY KEY,
    person_id {id} REFERENCES person (id),
    at {int} NOT NULL,
    what TEXT NOT NULL,
    query TEXT NOT NULL,
    words TEXT NOT NULL,
    format TEXT NOT NULL,
    rows_written {int},
    bytes_written {int},
    sha256 {bytes},
    finished_at {int}
){strict};
CREATE INDEX export_run_by_person ON export_run (person_id, at);

-- How far the search index has come: rows past it are searched by reading them.
CREATE TABLE search_progress (
    one {int} NOT NULL PRIMARY KEY CHECK (one = 1),
    indexed_no {int} NOT NULL
){strict};
