//! The personal part of a session for the person's own export.
//!
//! Sealed values are opened only for rows that Kerbside wrote for this person: a row that somebody
//! moved to another person would otherwise be read by them.

use serde_json::Value;

use super::identity::Subject;
use super::session::report_rejected;
use super::session_keys::{SessionKeys, person_hash};
use super::session_row::SessionRow;
use crate::ports::{FromRow as _, Ports, Row};

/// Opens the personal part of a session's row that has all columns: the members `sub`, `name`,
/// `acr` and `sid`, as far as they are stored. Nothing where the row is not one that Kerbside wrote
/// for this person; an event reports it.
pub fn open_personal_part(
    ports: &Ports,
    keys: &SessionKeys,
    row: &Row,
    person: &Subject,
) -> Option<Row> {
    let part = open(keys, row, person);
    if part.is_none() {
        report_rejected(ports);
    }
    part
}

fn open(keys: &SessionKeys, row: &Row, person: &Subject) -> Option<Row> {
    let row = SessionRow::from_row(row).ok().filter(|row| row.is_authentic(keys))?;
    let part = row.open(keys)?;
    let is_theirs = row.person == person_hash(keys, person)
        && row.issuer == person.issuer.0
        && part.sub == person.id.0;
    match serde_json::to_value(part).ok()? {
        Value::Object(members) if is_theirs => Some(members),
        _ => None,
    }
}
