-- An import is seen as it is by her whose it is, and where every region that it touched is in sight. Whoever sees some of its regions is told what it
-- did there: of the row she gets that much and no more (src/store/import_sight.rs).
CREATE FUNCTION wall_import_within(import uuid, mine uuid[]) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    was CONSTANT TEXT := coalesce(current_setting('counterfoil.regions', true), '');
    found BOOLEAN;
BEGIN
    PERFORM set_config('counterfoil.regions', '*', true);
    SELECT coalesce(bool_and(r.region_id = ANY (mine)), false) INTO found FROM import_region r WHERE r.import_id = import;
    PERFORM set_config('counterfoil.regions', was, true);
    RETURN found;
END;
$$;
ALTER POLICY wall ON import_run
    USING ((SELECT wall_is_open()) OR person_id = (SELECT wall_person())
        OR (state = 'done' AND wall_import_within(id, (SELECT wall_regions()))));

-- The members of a JSON object whose names are these.
CREATE FUNCTION wall_members(whole jsonb, names text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') FROM jsonb_each(whole) AS m WHERE m.key = ANY (names)
$$;
-- An id as pages call it: src/domain/id.rs.
CREATE FUNCTION wall_word(prefix text, id uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT prefix || substr(wall_export_word(id), 4)
$$;
-- Of these imports those that she sees, whole or in part. Of a part: no name, size, hash, mapping or refused row of the file, no count of all its rows,
-- and of its report what it says of her regions and their budgets.
CREATE FUNCTION wall_imports(ids uuid[], numbers bigint[]) RETURNS SETOF import_run LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path FROM CURRENT AS $$
DECLARE
    was CONSTANT TEXT := coalesce(current_setting('counterfoil.regions', true), '');
    mine CONSTANT UUID[] := wall_regions();
    me CONSTANT UUID := wall_person();
    names TEXT[];
    found import_run;
    report JSONB;
BEGIN
    PERFORM set_config('counterfoil.regions', '*', true);
    FOR found IN SELECT i.* FROM import_run i WHERE (i.id = ANY (ids) OR i.no = ANY (numbers)) LOOP
        IF was = '*' OR found.person_id = me OR (found.state = 'done' AND wall_import_within(found.id, mine)) THEN
            RETURN NEXT found;
        ELSIF found.state = 'done' AND wall_import_touches(found.id, mine) THEN
            found.file_name := '';
            found.file_bytes := 0;
            found.file_sha256 := NULL;
            found.mapping := '';
            found.failure := '';
            found.rows_read := 0;
            found.rows_created := 0;
            found.rows_changed := 0;
            found.rows_unchanged := 0;
            found.rows_refused := 0;
            IF found.report <> '' THEN
                report := found.report::jsonb;
                SELECT array_agg(wall_word('reg', r.id)) INTO names FROM unnest(mine) AS r (id);
                found.report := report || jsonb_build_object(
                    'counts', jsonb_build_object('read', 0, 'created', 0, 'changed', 0, 'unchanged', 0, 'refused', 0),
                    'created', '{}'::jsonb,
                    'regions', wall_members(report -> 'regions', names),
                    'parts', wall_members(coalesce(report -> 'parts', '{}'), names),
                    'touched', (SELECT coalesce(jsonb_agg(t), '[]') FROM jsonb_array_elements_text(report -> 'touched') AS t WHERE t = ANY (names)),
                    'refused', '{}'::jsonb,
                    'examples', '[]'::jsonb,
                    'budgets', (SELECT coalesce(jsonb_agg(e), '[]') FROM jsonb_array_elements(report -> 'budgets') AS e
                        WHERE e ->> 'budget' IN (SELECT wall_word('bud', b.id) FROM budget b WHERE b.region_id = ANY (mine))),
                    'unassigned', 0);
            END IF;
            RETURN NEXT found;
        END IF;
    END LOOP;
    PERFORM set_config('counterfoil.regions', was, true);
END;
$$;
