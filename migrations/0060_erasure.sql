-- A recipient whose name, e-mail address and number were taken out: her rewards stay, and nothing says any more whose they were.
ALTER TABLE recipient ADD COLUMN erased_at {int};
