-- Changes of roles wait for approval like money does. They have no amount, no budget and no posting, but regions.
ALTER TABLE approval_policy DROP CONSTRAINT approval_policy_matter_check, ADD CONSTRAINT approval_policy_matter_check
    CHECK (matter IN ('allocation', 'adjustment', 'transfer', 'reservation', 'carry_over', 'reversal', 'role_change'));
ALTER TABLE approval DROP CONSTRAINT approval_matter_check, ADD CONSTRAINT approval_matter_check
    CHECK (matter IN ('allocation', 'adjustment', 'transfer', 'reservation', 'carry_over', 'reversal', 'role_change'));
ALTER TABLE approval ALTER COLUMN currency DROP NOT NULL, ALTER COLUMN amount DROP NOT NULL;
ALTER TABLE approval ADD CHECK ((matter = 'role_change') = (currency IS NULL)), ADD CHECK ((matter = 'role_change') = (amount IS NULL));
ALTER TABLE approval DROP CONSTRAINT approval_check1;
ALTER TABLE approval ADD CONSTRAINT approval_check1 CHECK ((status = 'approved' AND matter <> 'role_change') = (done_posting_id IS NOT NULL));

CREATE TABLE approval_region (
    approval_id UUID NOT NULL REFERENCES approval (id),
    region_id UUID NOT NULL REFERENCES region (id),
    PRIMARY KEY (approval_id, region_id)
);
CREATE POLICY wall ON approval_region
    USING ((SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[]))
    WITH CHECK ((SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[]));
ALTER TABLE approval_region ENABLE ROW LEVEL SECURITY;
ALTER TABLE approval_region FORCE ROW LEVEL SECURITY;
-- A request is within somebody's regions where all of its own are, be they of budgets or not.
CREATE OR REPLACE FUNCTION wall_approval_within(approval uuid, mine uuid[]) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    was CONSTANT TEXT := coalesce(current_setting('counterfoil.regions', true), '');
    found BOOLEAN;
BEGIN
    PERFORM set_config('counterfoil.regions', '*', true);
    SELECT coalesce(bool_and(b.region_id = ANY (mine)), false) INTO found FROM (
        SELECT o.region_id FROM approval_budget o WHERE o.approval_id = approval
        UNION ALL SELECT o.region_id FROM approval_region o WHERE o.approval_id = approval
    ) b;
    PERFORM set_config('counterfoil.regions', was, true);
    RETURN found;
END;
$$;
CREATE TRIGGER approval_region_keeps BEFORE UPDATE OR DELETE ON approval_region FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER approval_region_stays BEFORE TRUNCATE ON approval_region FOR EACH STATEMENT EXECUTE FUNCTION append_only();
