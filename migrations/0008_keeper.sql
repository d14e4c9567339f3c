-- Expand: the keeper of a stored registration, so that rights which were proven against another one end
-- in the transaction that records it.
ALTER TABLE stored_facet ADD COLUMN keeper TEXT; -- keyed hash (HMAC-SHA-256 under LOOKUP_KEY); NULL: none is stated, another facet
