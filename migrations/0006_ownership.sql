-- Expand: claims to a car and the grants that proofs give. Times are those of the Worker's clock,
-- because a right is a function of rows and of the time that the Worker passes in.
CREATE TABLE ownership_claim (
  id            TEXT    NOT NULL PRIMARY KEY, -- 128 random bits, base64url
  key_id        INTEGER NOT NULL, -- the number of the rights key
  market        TEXT    NOT NULL,
  vehicle       TEXT    NOT NULL, -- keyed hash of the VIN
  person        TEXT    NOT NULL, -- keyed hash of issuer and subject
  pseudonym     TEXT    NOT NULL, -- the person in the audit
  method        TEXT    NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL, -- no proof from then on
  is_delivered  INTEGER NOT NULL, -- 1: a code is on its way to the claimant
  code          TEXT,             -- HMAC of the code; NULL: no code proves this claim
  sealed        TEXT    NOT NULL, -- contact, locale, vehicle id: base64 of nonce, ciphertext and tag
  mac           TEXT    NOT NULL, -- HMAC-SHA-256 over all columns before, base64url
  state         TEXT    NOT NULL, -- challenged, verified, contested, failed, expired, cancelled, revoked
  attempts      INTEGER NOT NULL DEFAULT 0, -- proofs that were counted, each before it was evaluated
  attestation   TEXT              -- the first member of a dealer's staff: time, hashes, HMAC
);
CREATE INDEX ownership_claim_place ON ownership_claim (market, vehicle, person);
CREATE INDEX ownership_claim_person ON ownership_claim (person);
CREATE INDEX ownership_claim_code ON ownership_claim (code);
CREATE INDEX ownership_claim_open ON ownership_claim (expires_at_ms) WHERE state = 'challenged';
CREATE INDEX ownership_claim_end ON ownership_claim (expires_at_ms);

-- A grant that ends keeps its row without its code: a row whose end is edited away is no right.
CREATE TABLE ownership_grant (
  id                TEXT    NOT NULL PRIMARY KEY, -- the id of the claim that gave it
  key_id            INTEGER NOT NULL,
  market            TEXT    NOT NULL,
  vehicle           TEXT    NOT NULL,
  person            TEXT    NOT NULL,
  pseudonym         TEXT    NOT NULL,
  method            TEXT    NOT NULL,
  since             TEXT    NOT NULL, -- the first day (ISO 8601) of the holder's time with the car
  keeper            TEXT,             -- keyed hash of the keeper record at the proof; NULL: not known
  verified_at_ms    INTEGER NOT NULL,
  effective_from_ms INTEGER NOT NULL, -- a strong proof against a strong grant waits
  personal_from_ms  INTEGER,          -- personal values from then on; NULL: never
  ends_at_ms        INTEGER NOT NULL,
  objection         TEXT,             -- HMAC of the code by which the contact on record objects
  sealed            TEXT    NOT NULL, -- contact, locale, vehicle id
  mac               TEXT    NOT NULL, -- HMAC-SHA-256 over all columns before; empty once it has ended
  ended_at_ms       INTEGER,
  end_reason        TEXT
);
CREATE INDEX ownership_grant_place ON ownership_grant (market, vehicle);
CREATE INDEX ownership_grant_person ON ownership_grant (person);
CREATE INDEX ownership_grant_objection ON ownership_grant (objection);
CREATE INDEX ownership_grant_live ON ownership_grant (ends_at_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX ownership_grant_end ON ownership_grant (ended_at_ms);

-- Sliding windows of what is limited. An erasure leaves them until their window ends.
CREATE TABLE ownership_count (
  counter       TEXT    NOT NULL, -- keyed hash of the kind and of what is limited
  item          TEXT    NOT NULL, -- counted once
  at_ms         INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  PRIMARY KEY (counter, item)
) WITHOUT ROWID;
CREATE INDEX ownership_count_end ON ownership_count (expires_at_ms);

-- Methods that are switched off, in every market of the region.
CREATE TABLE ownership_switch (
  method         TEXT    NOT NULL PRIMARY KEY,
  switched_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
