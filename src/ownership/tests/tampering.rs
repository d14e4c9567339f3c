//! Rows that somebody else than the Worker has written.
