-- SQLite has no policies: 0110 is PostgreSQL's.
SELECT 1;
