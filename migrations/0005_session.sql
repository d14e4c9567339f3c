-- Expand: sessions of people who are signed in, and what no session may be made of any more.
CREATE TABLE session (
  id               TEXT    NOT NULL PRIMARY KEY, -- keyed hash of the id in the cookie, never the id
  key_id           INTEGER NOT NULL, -- the number of the session key
  market           TEXT    NOT NULL, -- where the person signed in
  person           TEXT    NOT NULL, -- keyed hash of issuer and subject
  provider_session TEXT,             -- keyed hash of issuer and `sid`; NULL: the provider states none
  issuer           TEXT    NOT NULL,
  client           TEXT    NOT NULL, -- client_id: the session counts in markets of this issuer and client
  signed_in_at_ms  INTEGER,          -- `auth_time`; NULL: the provider states none
  issued_at_ms     INTEGER NOT NULL, -- `iat` of the ID token
  created_at_ms    INTEGER NOT NULL, -- by the clock of the isolate
  ends_at_ms       INTEGER NOT NULL, -- 30 minutes after the last use, 12 hours after created_at_ms at most
  sealed           TEXT    NOT NULL, -- subject, name, acr and sid: base64 of nonce, ciphertext and tag
  mac              TEXT    NOT NULL  -- HMAC-SHA-256 over all columns before, base64url
);
CREATE INDEX session_end ON session (ends_at_ms);
CREATE INDEX session_person ON session (person);
CREATE INDEX session_provider_session ON session (provider_session);

-- What no session may be made of: a provider's session that was logged out, a person who was, a sign-in
-- that was used.
CREATE TABLE session_tombstone (
  name               TEXT    NOT NULL PRIMARY KEY, -- kind and keyed hash: `person:…`
  person             TEXT,             -- keyed hash of issuer and subject, where the tombstone is about a person
  issued_until_ms    INTEGER NOT NULL, -- refuses sign-ins that were proven up to then
  expires_at_ms      INTEGER NOT NULL  -- this database's clock
) WITHOUT ROWID;
CREATE INDEX session_tombstone_expiry ON session_tombstone (expires_at_ms);
