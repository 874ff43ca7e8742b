-- Letters about requests for approval, and who wants none. One more word in a constraint, and no row changes: see 0100.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''code_guessed''', '''code_guessed'', ''approval_waits'', ''approval_decided''')
WHERE type = 'table' AND name = 'mail';
PRAGMA writable_schema = RESET;
ALTER TABLE mail ADD COLUMN approval_id BLOB REFERENCES approval (id);
ALTER TABLE person ADD COLUMN approval_letters INTEGER NOT NULL DEFAULT 1 CHECK (approval_letters IN (0, 1));
