-- Expand: entries of the audit that acts write in their own transaction, without the chain. A job links
-- them every minute and signs the head. The table `audit` of earlier Workers stays as it is.
CREATE TABLE audit_entry (
  position       INTEGER PRIMARY KEY, -- 1, 2, 3 … in the order of the transactions
  id             TEXT    NOT NULL UNIQUE, -- 128 random bits, base64url
  at_ms          INTEGER NOT NULL, -- this database's clock
  actor_kind     TEXT    NOT NULL, -- operator, member, dealer, contact, system
  actor          TEXT    NOT NULL, -- a name, or the pseudonym of a person
  actor_role     TEXT,
  subject        TEXT,             -- pseudonym of a person
  vehicle        TEXT,             -- keyed hash of a VIN
  key_id         INTEGER,          -- of the keyed hash
  market         TEXT,
  action         TEXT    NOT NULL,
  from_state     TEXT,
  to_state       TEXT,
  reason         TEXT,
  method         TEXT,
  evidence       TEXT,             -- a digest, no document
  policy_version TEXT,
  request_id     TEXT    NOT NULL
);
CREATE INDEX audit_entry_vehicle ON audit_entry (vehicle, at_ms) WHERE vehicle IS NOT NULL;
CREATE INDEX audit_entry_subject ON audit_entry (subject) WHERE subject IS NOT NULL;
CREATE INDEX audit_entry_member ON audit_entry (actor) WHERE actor_kind = 'member';

-- The chain: a link for each entry, which outlives the entry.
CREATE TABLE audit_link (
  position INTEGER PRIMARY KEY, -- that of the entry
  at_ms    INTEGER NOT NULL,    -- that of the entry
  digest   TEXT    NOT NULL,    -- of the entry's columns
  previous TEXT    NOT NULL,    -- hash of the link before
  hash     TEXT    NOT NULL     -- of the columns before
);

-- Heads of the chain.
CREATE TABLE audit_head (
  position INTEGER PRIMARY KEY, -- of the last link
  at_ms    INTEGER NOT NULL,
  hash     TEXT    NOT NULL,    -- of the last link
  jws      TEXT                 -- signature over the columns before, a compact JWS; NULL: no key is set
);

-- The salts of people's pseudonyms in the audit. Without the salt no entry can be tied to the person.
CREATE TABLE audit_salt (
  person     TEXT    NOT NULL PRIMARY KEY, -- keyed hash of issuer and subject
  salt       TEXT    NOT NULL, -- 256 random bits, base64url
  used_at_ms INTEGER NOT NULL  -- this database's clock
) WITHOUT ROWID;
CREATE INDEX audit_salt_use ON audit_salt (used_at_ms);

CREATE TRIGGER audit_entry_is_new BEFORE INSERT ON audit_entry WHEN NEW.position IS NOT 1 + max(coalesce((SELECT max(position) FROM audit_entry), 0), coalesce((SELECT max(position) FROM audit_link), 0)) OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_entry_is_not_changed BEFORE UPDATE ON audit_entry BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- Three years, and an entry that has no link yet stays.
CREATE TRIGGER audit_entry_is_kept BEFORE DELETE ON audit_entry WHEN OLD.at_ms > CAST(unixepoch('subsec') * 1000 AS INTEGER) - 94694400000 OR NOT EXISTS (SELECT 1 FROM audit_link WHERE position = OLD.position) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_link_is_next BEFORE INSERT ON audit_link WHEN NEW.position <= (SELECT max(position) FROM audit_link) OR NEW.previous <> (SELECT hash FROM audit_link ORDER BY position DESC LIMIT 1) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_link_is_not_changed BEFORE UPDATE ON audit_link BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_link_is_kept BEFORE DELETE ON audit_link BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_head_is_next BEFORE INSERT ON audit_head WHEN NEW.position <= (SELECT max(position) FROM audit_head) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_head_is_not_changed BEFORE UPDATE ON audit_head BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- 400 days, and the last head stays.
CREATE TRIGGER audit_head_is_kept BEFORE DELETE ON audit_head WHEN OLD.at_ms > CAST(unixepoch('subsec') * 1000 AS INTEGER) - 34560000000 OR OLD.position >= (SELECT max(position) FROM audit_head) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
