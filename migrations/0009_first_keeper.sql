-- Expand: the first keeper that the registration names after a proof for which none was known, so that
-- the right ends when the registration names another one. It opens nothing, so no code covers it.
ALTER TABLE ownership_grant ADD COLUMN first_keeper TEXT; -- keyed hash; NULL: none was named yet, or one was known at the proof
