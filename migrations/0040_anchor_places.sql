-- Which of its kind an anchor is: a file that was never noted in is made, one that was is missed. Older rows may be of any.
ALTER TABLE audit_anchor ADD COLUMN place TEXT NOT NULL DEFAULT '';
