-- SQLite has no policies: 0081 is PostgreSQL's.
SELECT 1;
