-- What others exported is seen by whoever reads its events in her regions: the id is the export's, and audit_event has one of its own.
ALTER POLICY wall ON export_run
    USING ((SELECT wall_is_open()) OR person_id = (SELECT wall_person())
        OR EXISTS (SELECT 1 FROM audit_event e WHERE e.object_kind = 'export' AND e.object_id = wall_export_word(export_run.id)));
