-- What points to something that has a region points within its own. Where the row that points has one region and what it points to is one row, a
-- composite foreign key says so since 0003; here are the others, by the same guards as on SQLite.
CREATE FUNCTION within_region() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    here UUID[];
BEGIN
    IF TG_TABLE_NAME = 'budget' THEN
        IF NOT EXISTS (SELECT 1 FROM budget b WHERE b.id = NEW.previous_id AND b.region_id = NEW.region_id) THEN
            RAISE EXCEPTION 'a budget follows one of its own region';
        END IF;
    ELSIF TG_TABLE_NAME = 'posting' THEN
        here := array_remove(ARRAY[NEW.source_region_id, NEW.destination_region_id], NULL);
        IF EXISTS (SELECT 1 FROM unnest(array_remove(ARRAY[NEW.reverses_id, NEW.settles_id], NULL)) AS answered (id)
            WHERE NOT EXISTS (SELECT 1 FROM posting p WHERE p.id = answered.id AND here <@ ARRAY[p.source_region_id, p.destination_region_id])) THEN
            RAISE EXCEPTION 'a posting answers one of its own regions';
        END IF;
        IF NEW.transaction_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM reward_transaction t WHERE t.id = NEW.transaction_id AND t.region_id = ANY (here)) THEN
            RAISE EXCEPTION 'a posting is for a transaction of its own region';
        END IF;
    ELSIF TG_TABLE_NAME = 'approval_budget' THEN
        IF NOT EXISTS (SELECT 1 FROM posting p WHERE p.id = NEW.held_posting_id AND p.source_budget_id = NEW.budget_id
            AND p.source_region_id = NEW.region_id) THEN
            RAISE EXCEPTION 'what is held for a request is held in its budget';
        END IF;
    ELSIF TG_TABLE_NAME = 'approval' THEN
        IF NOT EXISTS (SELECT 1 FROM posting p JOIN approval_budget b ON b.approval_id = NEW.id
            AND b.region_id IN (p.source_region_id, p.destination_region_id) WHERE p.id = NEW.done_posting_id) THEN
            RAISE EXCEPTION 'what was asked for is done in its regions';
        END IF;
    ELSIF NOT EXISTS (SELECT 1 FROM budget b WHERE b.id = NEW.budget_key AND b.region_id = NEW.region_id) THEN
        RAISE EXCEPTION 'a sum is of a budget of its own region';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER budget_follows_at_home BEFORE INSERT OR UPDATE OF previous_id ON budget
    FOR EACH ROW WHEN (NEW.previous_id IS NOT NULL) EXECUTE FUNCTION within_region();
CREATE TRIGGER posting_answers_at_home BEFORE INSERT ON posting
    FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL OR NEW.settles_id IS NOT NULL OR NEW.transaction_id IS NOT NULL) EXECUTE FUNCTION within_region();
CREATE TRIGGER approval_budget_holds_at_home BEFORE INSERT ON approval_budget
    FOR EACH ROW WHEN (NEW.held_posting_id IS NOT NULL) EXECUTE FUNCTION within_region();
CREATE TRIGGER approval_is_done_at_home BEFORE UPDATE OF done_posting_id ON approval
    FOR EACH ROW WHEN (NEW.done_posting_id IS NOT NULL) EXECUTE FUNCTION within_region();
CREATE TRIGGER rollup_counts_at_home BEFORE INSERT ON rollup
    FOR EACH ROW WHEN (NEW.budget_key <> '00000000-0000-0000-0000-000000000000') EXECUTE FUNCTION within_region();

-- Regions move, with all that is in them; what is in one does not leave it.
CREATE FUNCTION stays_in_region() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'reward_transaction' THEN
        IF NOT EXISTS (SELECT 1 FROM posting p WHERE p.transaction_id = OLD.id) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'rows of % stay in their region', TG_TABLE_NAME;
END;
$$;
CREATE TRIGGER budget_stays_at_home BEFORE UPDATE OF region_id ON budget
    FOR EACH ROW WHEN (NEW.region_id IS DISTINCT FROM OLD.region_id) EXECUTE FUNCTION stays_in_region();
CREATE TRIGGER recipient_stays_at_home BEFORE UPDATE OF region_id ON recipient
    FOR EACH ROW WHEN (NEW.region_id IS DISTINCT FROM OLD.region_id) EXECUTE FUNCTION stays_in_region();
CREATE TRIGGER reward_transaction_stays_at_home BEFORE UPDATE OF region_id ON reward_transaction
    FOR EACH ROW WHEN (NEW.region_id IS DISTINCT FROM OLD.region_id) EXECUTE FUNCTION stays_in_region();

-- Row-level security. A transaction says whose regions it sees (src/store/db_wall.rs): counterfoil.regions is a list of ids, or '*' for all of them;
-- one that says nothing sees nothing. The owner of the tables is held to it as well.
CREATE FUNCTION wall_is_open() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('counterfoil.regions', true) = '*', false)
$$;
CREATE FUNCTION wall_regions() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT string_to_array(nullif(current_setting('counterfoil.regions', true), '*'), ',')::uuid[]
$$;
CREATE FUNCTION wall_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('counterfoil.person', true), '')::uuid
$$;
-- These look over the wall, each for one answer. They are the owner's, who is held to it as well: each opens it and closes it again.
CREATE FUNCTION wall_above(mine uuid[]) RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    was CONSTANT TEXT := coalesce(current_setting('counterfoil.regions', true), '');
    found UUID[];
BEGIN
    PERFORM set_config('counterfoil.regions', '*', true);
    WITH RECURSIVE up (id, parent_id) AS (
        SELECT r.id, r.parent_id FROM region r WHERE r.id = ANY (mine)
        UNION SELECT r.id, r.parent_id FROM up u JOIN region r ON r.id = u.parent_id
    ) SELECT array_agg(up.id) INTO found FROM up;
    PERFORM set_config('counterfoil.regions', was, true);
    RETURN found;
END;
$$;
CREATE FUNCTION wall_import_touches(import uuid, mine uuid[]) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    was CONSTANT TEXT := coalesce(current_setting('counterfoil.regions', true), '');
    found BOOLEAN;
BEGIN
    PERFORM set_config('counterfoil.regions', '*', true);
    found := EXISTS (SELECT 1 FROM import_region r WHERE r.import_id = import AND r.region_id = ANY (mine));
    PERFORM set_config('counterfoil.regions', was, true);
    RETURN found;
END;
$$;
CREATE FUNCTION wall_approval_within(approval uuid, mine uuid[]) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    was CONSTANT TEXT := coalesce(current_setting('counterfoil.regions', true), '');
    found BOOLEAN;
BEGIN
    PERFORM set_config('counterfoil.regions', '*', true);
    SELECT coalesce(bool_and(b.region_id = ANY (mine)), false) INTO found FROM approval_budget b WHERE b.approval_id = approval;
    PERFORM set_config('counterfoil.regions', was, true);
    RETURN found;
END;
$$;
-- Which rows are not to be seen yet depends on everybody's imports: their numbers and where they stand, and nothing else of them.
CREATE FUNCTION wall_imports_hidden() RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    was CONSTANT TEXT := coalesce(current_setting('counterfoil.regions', true), '');
    found JSONB;
BEGIN
    PERFORM set_config('counterfoil.regions', '*', true);
    SELECT coalesce(jsonb_agg(jsonb_build_array(i.no, i.state)), '[]') INTO found FROM import_run i WHERE i.finished_at IS NULL
        AND (i.state <> 'done' OR EXISTS (SELECT 1 FROM import_change c WHERE c.import_no = i.no));
    PERFORM set_config('counterfoil.regions', was, true);
    RETURN found;
END;
$$;
CREATE FUNCTION wall_imports_done(numbers bigint[]) RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    was CONSTANT TEXT := coalesce(current_setting('counterfoil.regions', true), '');
    found BIGINT;
BEGIN
    PERFORM set_config('counterfoil.regions', '*', true);
    SELECT count(*) INTO found FROM import_run i WHERE i.state = 'done' AND i.no = ANY (numbers);
    PERFORM set_config('counterfoil.regions', was, true);
    RETURN found;
END;
$$;

-- An export as the trail calls it: src/domain/id.rs.
CREATE FUNCTION wall_export_word(id uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 'exp_' || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + substring(
        B'00' || ('x' || replace(id::text, '-', ''))::bit(128) FROM 1 + n * 5 FOR 5)::bit(5)::int, 1), '' ORDER BY n)
    FROM generate_series(0, 25) AS n
$$;

-- Of one region.
DO $$
DECLARE
    name TEXT;
    inside CONSTANT TEXT := '(SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[])';
BEGIN
    FOREACH name IN ARRAY ARRAY['budget', 'recipient', 'reward_transaction', 'rollup', 'audit_event', 'approval_budget'] LOOP
        EXECUTE format('CREATE POLICY wall ON %I USING (%s) WITH CHECK (%s)', name, inside, inside);
    END LOOP;
END;
$$;
-- Between two.
CREATE POLICY wall ON posting
    USING ((SELECT wall_is_open()) OR source_region_id = ANY ((SELECT wall_regions())::uuid[])
        OR destination_region_id = ANY ((SELECT wall_regions())::uuid[]))
    WITH CHECK ((SELECT wall_is_open()) OR source_region_id = ANY ((SELECT wall_regions())::uuid[])
        OR destination_region_id = ANY ((SELECT wall_regions())::uuid[]));
-- Regions, and who holds what in them. Whoever holds a role in a region above holds it in hers too.
CREATE POLICY wall ON region
    USING ((SELECT wall_is_open()) OR id = ANY ((SELECT wall_regions())::uuid[]) OR id = ANY ((SELECT wall_above(wall_regions()))::uuid[]))
    WITH CHECK ((SELECT wall_is_open()) OR id = ANY ((SELECT wall_regions())::uuid[]));
CREATE POLICY wall ON role_grant
    USING ((SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[])
        OR region_id = ANY ((SELECT wall_above(wall_regions()))::uuid[]))
    WITH CHECK ((SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[]));
-- Of what they belong to.
CREATE POLICY wall ON budget_version
    USING ((SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM budget b WHERE b.id = budget_id))
    WITH CHECK ((SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM budget b WHERE b.id = budget_id));
CREATE POLICY wall ON approval
    USING ((SELECT wall_is_open()) OR wall_approval_within(id, (SELECT wall_regions())))
    WITH CHECK ((SELECT wall_is_open()));
CREATE POLICY wall ON approval_decision
    USING ((SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM approval a WHERE a.id = approval_id))
    WITH CHECK ((SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM approval a WHERE a.id = approval_id));
CREATE POLICY wall ON import_rename
    USING ((SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM recipient r WHERE r.id = recipient_id))
    WITH CHECK ((SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM recipient r WHERE r.id = recipient_id));
-- Of an import that touched one of her regions she sees which regions it touched, and no more of its file than that; her own she sees whole.
CREATE POLICY wall ON import_region
    USING ((SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[])
        OR wall_import_touches(import_id, (SELECT wall_regions())))
    WITH CHECK ((SELECT wall_is_open()) OR region_id = ANY ((SELECT wall_regions())::uuid[]));
CREATE POLICY wall ON import_run
    USING ((SELECT wall_is_open()) OR person_id = (SELECT wall_person())
        OR (state = 'done' AND wall_import_touches(id, (SELECT wall_regions()))))
    WITH CHECK ((SELECT wall_is_open()) OR person_id = (SELECT wall_person()));
DO $$
DECLARE
    name TEXT;
    inside CONSTANT TEXT := '(SELECT wall_is_open()) OR EXISTS (SELECT 1 FROM import_run i WHERE i.id = import_id '
        'AND (i.person_id = (SELECT wall_person()) OR NOT EXISTS (SELECT 1 FROM import_region r WHERE r.import_id = i.id '
        'AND r.region_id <> ALL ((SELECT wall_regions())::uuid[]))))';
BEGIN
    FOREACH name IN ARRAY ARRAY['import_piece', 'import_refusal'] LOOP
        EXECUTE format('CREATE POLICY wall ON %I USING (%s) WITH CHECK (%s)', name, inside, inside);
    END LOOP;
END;
$$;
-- Her own; and of others' those that took rows of regions whose trail she sees.
CREATE POLICY wall ON export_run
    USING ((SELECT wall_is_open()) OR person_id = (SELECT wall_person())
        OR EXISTS (SELECT 1 FROM audit_event e WHERE e.object_kind = 'export' AND e.object_id = wall_export_word(id)))
    WITH CHECK ((SELECT wall_is_open()) OR person_id = (SELECT wall_person()));

DO $$
DECLARE
    name TEXT;
BEGIN
    FOR name IN SELECT p.tablename FROM pg_policies p WHERE p.policyname = 'wall' AND p.schemaname = current_schema() LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END;
$$;
ALTER VIEW budget_figures SET (security_invoker = true);
