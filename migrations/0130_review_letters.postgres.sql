-- Letters about access reviews. The list of kinds is what it was with one more word.
DO $$
DECLARE
    kinds TEXT := (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'mail_kind_check' AND conrelid = 'mail'::regclass);
BEGIN
    ALTER TABLE mail DROP CONSTRAINT mail_kind_check;
    EXECUTE 'ALTER TABLE mail ADD CONSTRAINT mail_kind_check '
        || replace(kinds, '''approval_decided''::text', '''approval_decided''::text, ''review_opened''::text');
END;
$$;
ALTER TABLE mail ADD COLUMN review_id UUID REFERENCES access_review (id);
