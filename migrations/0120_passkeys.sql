-- Passkeys as webauthn-rs writes them. Those of before do not say whether they can be backed up, which is checked whenever one is used: no release
-- has made any, and they are made anew.

DELETE FROM passkey;
ALTER TABLE passkey DROP COLUMN algorithm;
ALTER TABLE passkey DROP COLUMN public_key;
ALTER TABLE passkey DROP COLUMN counter;
ALTER TABLE passkey ADD COLUMN credential TEXT NOT NULL DEFAULT '' CHECK (credential <> '');
