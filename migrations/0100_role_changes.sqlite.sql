-- Changes of roles wait for approval like money does. They have no amount, no budget and no posting, but regions.
-- The words of three constraints change and no row does: that is written into the schema itself, as SQLite's own description of ALTER TABLE says.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''reversal'')', '''reversal'', ''role_change'')')
WHERE type = 'table' AND name IN ('approval', 'approval_policy');
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
    'currency TEXT NOT NULL CHECK (length(currency) = 3)', 'currency TEXT CHECK (length(currency) = 3)'),
    'amount INTEGER NOT NULL CHECK (amount > 0)', 'amount INTEGER CHECK (amount > 0)'),
    'CHECK ((status = ''approved'') = (done_posting_id IS NOT NULL))',
    'CHECK ((status = ''approved'' AND matter <> ''role_change'') = (done_posting_id IS NOT NULL)),
    CHECK ((matter = ''role_change'') = (currency IS NULL)),
    CHECK ((matter = ''role_change'') = (amount IS NULL))')
WHERE type = 'table' AND name = 'approval';
PRAGMA writable_schema = RESET;

CREATE TABLE approval_region (
    approval_id BLOB NOT NULL REFERENCES approval (id),
    region_id BLOB NOT NULL REFERENCES region (id),
    PRIMARY KEY (approval_id, region_id)
) STRICT;
CREATE TRIGGER approval_region_keeps BEFORE UPDATE ON approval_region BEGIN SELECT RAISE(ABORT, 'the regions of a request are append-only'); END;
CREATE TRIGGER approval_region_stays BEFORE DELETE ON approval_region BEGIN SELECT RAISE(ABORT, 'the regions of a request are append-only'); END;
