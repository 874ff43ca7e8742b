-- Trigrams of recipient name, e-mail, employee number and the vendor's ids; the row id is reward_transaction.no.
CREATE VIRTUAL TABLE reward_search USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = 'trigram'
);
INSERT INTO search_progress (one, indexed_no) VALUES (1, 0);
