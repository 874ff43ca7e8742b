-- Trigrams of recipient name, e-mail, employee number and the vendor's ids; the key is reward_transaction.no.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE reward_search (
    no BIGINT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
);
CREATE INDEX reward_search_trigrams ON reward_search USING gin (text gin_trgm_ops);
INSERT INTO search_progress (one, indexed_no) VALUES (1, 0);
