-- Letters about requests for approval, and who wants none. The list of kinds is what it was with two more words.
DO $$
DECLARE
    kinds TEXT := (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'mail_kind_check' AND conrelid = 'mail'::regclass);
BEGIN
    ALTER TABLE mail DROP CONSTRAINT mail_kind_check;
    EXECUTE 'ALTER TABLE mail ADD CONSTRAINT mail_kind_check '
        || replace(kinds, '''code_guessed''::text', '''code_guessed''::text, ''approval_waits''::text, ''approval_decided''::text');
END;
$$;
ALTER TABLE mail ADD COLUMN approval_id UUID REFERENCES approval (id);
ALTER TABLE person ADD COLUMN approval_letters BIGINT NOT NULL DEFAULT 1 CHECK (approval_letters IN (0, 1));
