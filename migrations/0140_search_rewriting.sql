-- Whether the search index is being written anew because somebody was erased: 0 no, 1 to be begun, 2 begun. SQLite alone needs it.
ALTER TABLE search_progress ADD COLUMN rewriting {int} NOT NULL DEFAULT 0 CHECK (rewriting BETWEEN 0 AND 2);
