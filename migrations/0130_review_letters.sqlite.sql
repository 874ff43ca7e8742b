-- Letters about access reviews. One more word in a constraint, and no row changes: see 0100.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''approval_decided''', '''approval_decided'', ''review_opened''') WHERE type = 'table' AND name = 'mail';
PRAGMA writable_schema = RESET;
ALTER TABLE mail ADD COLUMN review_id BLOB REFERENCES access_review (id);
