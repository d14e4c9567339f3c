-- Expand: messages to receivers outside, written in the transaction that causes them and delivered by
-- scheduled work, at least once.
CREATE TABLE outbox (
  id                 INTEGER PRIMARY KEY, -- the order of delivery within a lane
  message_key        TEXT    NOT NULL UNIQUE, -- stable: a receiver recognises a repetition by it
  lane               TEXT    NOT NULL, -- messages of one lane are delivered one after the other
  receiver           TEXT    NOT NULL, -- the secret OUTBOX_<receiver> says where and how
  market             TEXT,
  vehicle            TEXT,             -- keyed hash of the VIN, where the message is about a car
  subject            TEXT,             -- keyed hash of a person, where the message is about one
  created_at_ms      INTEGER NOT NULL, -- this database's clock
  next_attempt_at_ms INTEGER NOT NULL, -- not sent before
  attempts           INTEGER NOT NULL DEFAULT 0,
  expires_at_ms      INTEGER NOT NULL, -- dropped from then on
  error              TEXT,             -- the cause of the last failed attempt
  payload            TEXT    NOT NULL, -- JSON; base64 of nonce, ciphertext and tag where key_id is set
  key_id             INTEGER           -- the sealing key's number; NULL: the payload is not personal
);
CREATE INDEX outbox_due ON outbox (next_attempt_at_ms);
CREATE INDEX outbox_lane ON outbox (lane, id);
CREATE INDEX outbox_vehicle ON outbox (market, vehicle);
