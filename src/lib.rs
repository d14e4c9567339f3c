//! Kerbside
