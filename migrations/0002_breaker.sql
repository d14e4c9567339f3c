-- Which origins are left alone: what one isolate has found out, for the others. Advisory; a handful of rows.
CREATE TABLE breaker (
  market         TEXT    NOT NULL,
  origin         TEXT    NOT NULL,
  open_until_ms  INTEGER NOT NULL, -- milliseconds since 1970 UTC; past it one isolate may probe
  probe_until_ms INTEGER NOT NULL, -- the lease of the probe that is on its way, 0 for none
  PRIMARY KEY (market, origin)
) WITHOUT ROWID;
