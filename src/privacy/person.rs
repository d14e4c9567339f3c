//! A person's own data: the export of what is stored about them, and its erasure.
//!
//! Both walk the register: the rows of each table are found by the keyed hash of the person, in all
//! markets of the region. Leaves to others: the hash, the opening of sealed parts and the proof of
//! who asks (`auth`, `http`). Known gap: payloads of the outbox are left out of an export.

use serde_json::{Map, Value};

use super::erasure::ErasedStore;
use super::register::{PersonEraser, PersonExporter, PersonRows, TABLES};
use crate::audit::{self, Action, AuditError, Audited, IS_AUDITED};
use crate::ownership::{self, RightsKeys};
use crate::ports::{Ports, Row, Rows, Statement, StoreError, Timestamp, read_column};

/// The rows of one table that an export shows.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedTable {
    /// The field of the export.
    pub field: &'static str,
    /// The rows. Times are texts (RFC 3339), in columns without the suffix `_ms`.
    pub rows: Rows,
}

/// The result of an erasure.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonErasure {
    /// The audit entry.
    pub audited: Audited,
    /// The stores whose rows were deleted, or have the person no more.
    pub stores: Vec<ErasedStore>,
}

/// A store that keeps or hides rows about a person, and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// The table.
    pub store: &'static str,
    /// The reason, a part of a sentence.
    pub reason: &'static str,
}

/// Columns of a row with a sealed part that say nothing to a person: keys, hashes, the sealed part.
const KEYS: [&str; 13] = [
    "id",
    "key_id",
    "person",
    "provider_session",
    "sealed",
    "mac",
    "vehicle",
    "pseudonym",
    "keeper",
    "code",
    "objection",
    "attestation",
    // Whether a typed contact is on record is nobody's to know before the proof.
    "is_delivered",
];

/// A table with rows about persons.
type PersonTable = (&'static str, PersonRows);

fn tables() -> impl Iterator<Item = PersonTable> {
    TABLES.iter().filter_map(|table| Some((table.name, table.person?)))
}

fn erasable() -> impl Iterator<Item = PersonTable> {
    tables().filter(|(_, rows)| !matches!(rows.eraser, PersonEraser::Kept(_)))
}

/// The stores that an export leaves out.
pub fn left_out() -> impl Iterator<Item = Exception> {
    tables().filter_map(|(store, rows)| match rows.exporter {
        PersonExporter::Nothing(reason) => Some(Exception { store, reason }),
        PersonExporter::Rows { .. } | PersonExporter::Acts { .. } => None,
    })
}

/// The stores that an erasure leaves alone, and those of which it leaves rows without the person.
pub fn kept() -> impl Iterator<Item = Exception> {
    tables().filter_map(|(store, rows)| match rows.eraser {
        PersonEraser::Kept(reason) | PersonEraser::Blanked(_, reason) => {
            Some(Exception { store, reason })
        }
        PersonEraser::Rows => None,
    })
}

/// Reads all that is stored about a person, and the acts in the audit under the person's
/// `pseudonym`; `None` for a person who has none. `open` opens the sealed part of a table's row; a
/// row whose part does not open is left out, because it may be another person's.
///
/// # Errors
/// [`StoreError`] where D1 fails.
pub async fn export(
    ports: &Ports,
    person: &str,
    pseudonym: Option<&str>,
    open: &dyn Fn(&str, &Row) -> Option<Row>,
) -> Result<Vec<ExportedTable>, StoreError> {
    let select = |table: PersonTable| {
        let (field, statement) = select(table, person, pseudonym)?;
        Some(((table.0, field), statement))
    };
    let (fields, statements): (Vec<_>, Vec<_>) = tables().filter_map(select).unzip();
    let results = ports.db.batch(statements).await?;
    let tables = fields.into_iter().zip(results);
    let exported = tables.map(|((table, field), rows)| ExportedTable {
        field,
        rows: rows
            .iter()
            .filter_map(|row| with_opened_part(table, row, open))
            .map(|row| with_written_times(&row))
            .collect(),
    });
    Ok(exported.collect())
}

/// Selects the rows of a table that an export shows, with the field that they go to.
fn select(
    (name, rows): PersonTable,
    person: &str,
    pseudonym: Option<&str>,
) -> Option<(&'static str, Statement)> {
    let column = rows.column;
    match rows.exporter {
        PersonExporter::Rows { field, columns } => {
            let sql = format!("SELECT {columns} FROM {name} WHERE {column} = ?1");
            Some((field, Statement::new("register.export_person", sql, vec![person.into()])))
        }
        PersonExporter::Acts { field, columns } => {
            let sql = format!(
                "SELECT {columns} FROM {name} WHERE {column} = ?1 \
                 OR (actor_kind = 'member' AND actor = ?1) ORDER BY position"
            );
            // Without a pseudonym the parameter is NULL, which no column equals.
            Some((field, Statement::new("register.export_acts", sql, vec![pseudonym.into()])))
        }
        PersonExporter::Nothing(_) => None,
    }
}

/// Replaces the sealed part of a row by its members, if the row has one; nothing where it does not
/// open.
fn with_opened_part(
    table: &str,
    row: &Row,
    open: &dyn Fn(&str, &Row) -> Option<Row>,
) -> Option<Row> {
    let mut shown = row.clone();
    if row.contains_key("sealed") {
        shown.retain(|name, _| !KEYS.contains(&name.as_str()));
        shown.extend(open(table, row)?);
    }
    Some(shown)
}

/// Writes the times of a row as texts.
fn with_written_times(row: &Row) -> Row {
    let write = |(name, value): (&String, &Value)| match (name.strip_suffix("_ms"), value.as_i64())
    {
        (Some(name), Some(at)) => (name.to_owned(), Value::from(Timestamp(at).to_string())),
        (Some(name), None) => (name.to_owned(), value.clone()),
        (None, _) => (name.clone(), value.clone()),
    };
    row.iter().map(write).collect::<Map<_, _>>()
}

/// Erases what is stored about a person, and counts again. Rows that the register keeps stay. Can
/// be repeated: erased rows are no longer found.
///
/// # Errors
/// [`AuditError`], where a store fails.
pub async fn erase(
    ports: &Ports,
    keys: &RightsKeys,
    entry: &audit::Entry<'_>,
    person: &str,
) -> Result<PersonErasure, AuditError> {
    let mut actions = actions(person, ports.clock.now());
    actions.extend(ownership::ends_before_erasure(ports, keys, person).await?);
    let audited = audit::act(ports, entry, &actions).await?;
    let left = ports.db.batch(vec![count(person)]).await?;
    let (Some(found), Some(left)) = (audited.results.first(), left.first()) else {
        return Err(StoreError::Rejected.into());
    };
    let mut stores = Vec::new();
    for (at, (store, _)) in erasable().enumerate() {
        let removed = audited.results.get(1 + at).ok_or(StoreError::Rejected)?.len();
        let (found, left) = (counted(ports, found, store)?, counted(ports, left, store)?);
        stores.push(ErasedStore { store, found, removed, left });
    }
    Ok(PersonErasure { audited, stores })
}

/// Counts the rows of each table, and deletes them or takes the person out of them.
fn actions(person: &str, now: Timestamp) -> Vec<Action> {
    let count = format!("{} WHERE {IS_AUDITED}", counts(2));
    let mut actions =
        vec![Action::new("register.count_person_audited", count, vec![person.into()])];
    actions.extend(erasable().map(|(name, rows)| {
        let is_theirs = format!("{} = ?2 AND {IS_AUDITED} RETURNING {0}", rows.column);
        match rows.eraser {
            PersonEraser::Blanked(assignments, _) => Action::new(
                "register.blank_person",
                format!("UPDATE {name} SET {assignments} WHERE {is_theirs}"),
                vec![person.into(), now.into()],
            ),
            PersonEraser::Rows | PersonEraser::Kept(_) => Action::new(
                "register.erase_person",
                format!("DELETE FROM {name} WHERE {is_theirs}"),
                vec![person.into()],
            ),
        }
    }));
    actions
}

fn count(person: &str) -> Statement {
    Statement::new("register.count_person", counts(1), vec![person.into()])
}

/// Counts the rows of each table whose person is the parameter of that number.
fn counts(parameter: u32) -> String {
    let counts = erasable().map(|(name, rows)| {
        format!("(SELECT count(*) FROM {name} WHERE {} = ?{parameter}) AS {name}", rows.column)
    });
    format!("SELECT {}", counts.collect::<Vec<_>>().join(", "))
}

/// Reads the count of a table.
fn counted(ports: &Ports, rows: &Rows, table: &'static str) -> Result<usize, StoreError> {
    let row = rows.first().ok_or(StoreError::Rejected)?;
    read_column(row, table).map_err(|error| {
        ports.report_row(table, error);
        StoreError::Rejected
    })
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let selects =
        tables().filter_map(|table| select(table, "ada", Some("a"))).map(|(_, select)| select);
    let actions = actions("ada", Timestamp(0)).into_iter().map(|action| action.to_statement(""));
    selects.chain(actions).chain([count("ada")]).collect()
}
