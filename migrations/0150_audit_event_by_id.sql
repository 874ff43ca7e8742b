-- The page of one event asks for it by its id: without this it reads the trail from one end to the other.
CREATE INDEX audit_event_by_id ON audit_event (id);
