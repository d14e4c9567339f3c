-- The region's record of facets: what KV at the edge is a copy of. Only the public projection is stored, in the clear.
CREATE TABLE facet (
  market        TEXT    NOT NULL,
  vehicle       TEXT    NOT NULL, -- keyed hash of the VIN (HMAC-SHA-256 under LOOKUP_KEY), never the VIN
  facet         TEXT    NOT NULL,
  stored_at_ms  INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL, -- the end of the error window: past it nobody may be served this row
  envelope      TEXT    NOT NULL, -- JSON, see docs/STORAGE.md
  PRIMARY KEY (market, vehicle, facet)
) WITHOUT ROWID;
