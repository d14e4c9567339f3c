-- Expand: facets with a generation and sealed values, leases, purges, an audit and what analysis asks for. The table `facet` of
-- the Workers before is left alone until none of them can come back; it is a cache, so nothing moves over.

-- The region's record of facets: what KV at the edge is a copy of (its public part). A table with row ids: sealed values are long,
-- and a table without them moves everything beyond a quarter of a page to overflow pages.
CREATE TABLE stored_facet (
  market        TEXT    NOT NULL,
  vehicle       TEXT    NOT NULL, -- keyed hash of the VIN (HMAC-SHA-256 under LOOKUP_KEY), never the VIN
  facet         TEXT    NOT NULL,
  generation    INTEGER NOT NULL, -- this database's clock, ms, when the fetch began: an older one never replaces a newer one
  stored_at_ms  INTEGER NOT NULL, -- when it was fetched, ms since 1970 UTC
  expires_at_ms INTEGER NOT NULL, -- the end of its longest window: past it nobody may be served this row
  source        TEXT    NOT NULL, -- the origin's name
  policy        INTEGER NOT NULL, -- who may see what, and how the market describes it, when it was stored
  ttl_s         INTEGER NOT NULL,
  stale_s       INTEGER NOT NULL,
  error_s       INTEGER NOT NULL,
  took_ms       INTEGER NOT NULL, -- how long the fetch took
  public        TEXT,             -- the public projection, JSON, ready to send; NULL: the origin says that there is none
  withheld      TEXT    NOT NULL DEFAULT '', -- names of the fields above public, comma list
  key_id        INTEGER,          -- the sealing key's number; NULL: nothing is above public
  sealed        TEXT,             -- base64 of nonce, ciphertext and tag of the whole facet (AES-256-GCM)
  PRIMARY KEY (market, vehicle, facet)
);
CREATE INDEX stored_facet_expiry ON stored_facet (expires_at_ms);

-- Who asks an origin about a car at present. Pruned once over.
CREATE TABLE lease (
  market     TEXT    NOT NULL,
  vehicle    TEXT    NOT NULL,
  origin     TEXT    NOT NULL,
  generation INTEGER NOT NULL, -- this database's clock when it was granted; what it brings is stored under it
  until_ms   INTEGER NOT NULL, -- by this database's clock; 0: given back
  error      TEXT,             -- the RFC 9209 token, where it was given back because the origin failed
  PRIMARY KEY (market, vehicle, origin)
) WITHOUT ROWID;

-- What an operator has declared outdated: everything that matches and is of an older generation.
CREATE TABLE purge (
  id            INTEGER PRIMARY KEY,
  market        TEXT    NOT NULL,
  vehicle       TEXT,             -- NULL: every one; the same for the other three
  facet         TEXT,
  origin        TEXT,
  tag           TEXT,             -- `name:value` of a public field of identity: `make:porsche`
  hard          INTEGER NOT NULL, -- 1: never served again; 0: stale
  generation    INTEGER NOT NULL, -- this database's clock when it was declared
  expires_at_ms INTEGER NOT NULL  -- when nothing that old can be left
);
CREATE INDEX purge_vehicle ON purge (market, vehicle);

-- What was done with authority: append-only, each entry holds the hash of the one before.
CREATE TABLE audit (
  id             INTEGER PRIMARY KEY,
  at_ms          INTEGER NOT NULL,
  actor_kind     TEXT    NOT NULL, -- operator, system
  actor          TEXT    NOT NULL,
  subject        TEXT,             -- keyed hash of a person
  vehicle        TEXT,             -- keyed hash of a VIN
  key_id         INTEGER,          -- of the keyed hashes
  market         TEXT,
  action         TEXT    NOT NULL,
  from_state     TEXT,
  to_state       TEXT,
  reason         TEXT,
  method         TEXT,
  evidence       TEXT,             -- a digest, no document
  policy_version TEXT,
  request_id     TEXT    NOT NULL,
  previous       TEXT    NOT NULL,
  hash           TEXT    NOT NULL UNIQUE
);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- What everybody may know of the cars that were looked at, for analysis: from the public projection of identity.
CREATE TABLE vehicle (
  market        TEXT    NOT NULL,
  vehicle       TEXT    NOT NULL, -- keyed hash, as in stored_facet
  make          TEXT,
  model         TEXT,
  model_year    INTEGER,
  fuel          TEXT,
  body          TEXT,
  power_value   REAL,
  power_unit    TEXT,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms  INTEGER NOT NULL,
  views         INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (market, vehicle)
) WITHOUT ROWID;
CREATE INDEX vehicle_model ON vehicle (market, make, model);

-- How facets were answered, by the hour.
CREATE TABLE usage (
  hour_ms     INTEGER NOT NULL, -- when the hour began, ms since 1970 UTC
  market      TEXT    NOT NULL,
  facet       TEXT    NOT NULL,
  origin      TEXT    NOT NULL,
  state       TEXT    NOT NULL, -- hit, stale, stale_error, fetched, collapsed, absent, absent_fetched, pending, unavailable, withheld
  answers     INTEGER NOT NULL,
  age_s_total INTEGER NOT NULL, -- of the answers that had a facet
  age_s_most  INTEGER NOT NULL,
  PRIMARY KEY (hour_ms, market, facet, origin, state)
) WITHOUT ROWID;

-- How long origins took, by the hour: a histogram. A call counts in the first bucket that holds it.
CREATE TABLE origin_call (
  hour_ms  INTEGER NOT NULL,
  market   TEXT    NOT NULL,
  origin   TEXT    NOT NULL,
  outcome  TEXT    NOT NULL, -- ok, or the RFC 9209 token
  up_to_ms INTEGER NOT NULL, -- the bucket's upper bound
  calls    INTEGER NOT NULL,
  PRIMARY KEY (hour_ms, market, origin, outcome, up_to_ms)
) WITHOUT ROWID;

-- What scheduled work did last, and where it goes on.
CREATE TABLE job (
  name      TEXT    NOT NULL PRIMARY KEY,
  ran_at_ms INTEGER NOT NULL,
  state     TEXT    NOT NULL -- JSON
) WITHOUT ROWID;
