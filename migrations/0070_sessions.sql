-- Where people are signed in: each session has an id of its own, to be ended by, and what its device and place were when it began. Sessions from
-- before cannot be shown so: they end here, and everybody signs in once more.

DELETE FROM session;
ALTER TABLE session ADD COLUMN id {id};
ALTER TABLE session ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN address TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX session_id ON session (id);
