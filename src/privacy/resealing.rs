//! Re-sealing: values under an older key are sealed under the newest one, in batches that can be
//! repeated.
//!
//! A row changes only where its generation and its key's number are still those that were read, so
//! that writers are not disturbed. A value that does not open stays as it is, and is counted.

use serde_json::json;

use crate::audit::{Action, IS_AUDITED};
use crate::cache::{OpenError, Sealed, SealedPlace, SealingError, SealingRing};
use crate::market::{FacetName, MarketCode};
use crate::ports::{
    DbValue, FromRow, Ports, RowError, Rows, Statement, StoreError, read_column, row_type,
};

/// Rows that one batch reads.
pub const ROWS_A_BATCH: i64 = 400;
/// Rows that one batch counts.
pub const ROWS_A_COUNT: i64 = 20_000;
/// Bytes of one statement's rows; D1 takes two million.
const MAX_LIST_BYTES: usize = 600_000;

row_type! {
    /// A place in the table: the rows after it are still to be done.
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub struct Cursor { market: String, vehicle: String, facet: String }
}

/// The changes of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResealingBatch {
    /// JSON lists of the re-sealed rows: market, car, facet, generation, the old key's number, the
    /// new one's, text.
    lists: Vec<String>,
    /// The number of these rows.
    pub rows: usize,
    /// Rows whose key is not held.
    pub not_held: usize,
    /// Rows that are damaged.
    pub damaged: usize,
    /// The place after which the next batch begins; nothing after the last.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// Reads `market/car/facet`; nothing where the text has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        let cursor = Self { market: parts.next()?, vehicle: parts.next()?, facet: parts.next()? };
        let is_word = |part: &String| {
            (1..=64).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let all = [&cursor.market, &cursor.vehicle, &cursor.facet];
        (parts.next().is_none() && all.into_iter().all(is_word)).then_some(cursor)
    }

    /// `market/car/facet`.
    pub fn text(&self) -> String {
        format!("{}/{}/{}", self.market, self.vehicle, self.facet)
    }

    fn params(&self) -> Vec<DbValue> {
        [&self.market, &self.vehicle, &self.facet].map(|part| part.as_str().into()).to_vec()
    }
}

row_type! {
    /// A row of the record; `sealed` is set where the key is not the newest.
    struct SealedRow {
        market: String,
        vehicle: String,
        facet: String,
        generation: i64,
        key_id: Option<u8>,
        sealed: Option<String>,
    }
}

/// Cause of a batch that fails as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResealingError {
    /// A row does not read.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A value could not be sealed.
    #[error(transparent)]
    Sealing(#[from] SealingError),
}

/// Selects the next rows after a place; sealed values under the newest key are left out.
pub fn select(after: &Cursor, newest: u8) -> Statement {
    let sql = "SELECT market, vehicle, facet, generation, key_id, \
                 CASE WHEN key_id <> ?5 THEN sealed END AS sealed FROM stored_facet \
               WHERE (market, vehicle, facet) > (?1, ?2, ?3) \
               ORDER BY market, vehicle, facet LIMIT ?4";
    let mut params = after.params();
    params.extend([ROWS_A_BATCH.into(), i64::from(newest).into()]);
    Statement::new("stored_facet.select_sealed", sql, params)
}

/// Opens the rows of [`select`] and seals them under the newest key.
///
/// # Errors
/// [`ResealingError`], where a row does not read or a value cannot be sealed.
pub fn reseal(
    ports: &Ports,
    ring: &SealingRing,
    rows: &Rows,
) -> Result<ResealingBatch, ResealingError> {
    let mut batch = ResealingBatch::default();
    for row in rows {
        let row = SealedRow::from_row(row)?;
        batch.add(ports, ring, &row)?;
        let SealedRow { market, vehicle, facet, .. } = row;
        batch.next = Some(Cursor { market, vehicle, facet });
    }
    if i64::try_from(rows.len()).is_ok_and(|rows| rows < ROWS_A_BATCH) {
        batch.next = None;
    }
    Ok(batch)
}

impl ResealingBatch {
    /// Opens and seals one row, or counts why it does not open.
    fn add(
        &mut self,
        ports: &Ports,
        ring: &SealingRing,
        row: &SealedRow,
    ) -> Result<(), SealingError> {
        let Some(text) = row.sealed.clone() else { return Ok(()) };
        let place = MarketCode::new(&row.market).ok().zip(FacetName::parse(&row.facet));
        let Some(((market, facet), key_id)) = place.zip(row.key_id) else {
            self.damaged += 1;
            return Ok(());
        };
        let place = SealedPlace { market: &market, vehicle: &row.vehicle, facet };
        match ring.open(&place, &Sealed { key_id, text }) {
            Ok(whole) => {
                let Sealed { key_id: new_id, text } =
                    ring.seal(&place, &whole, ports.random.as_ref())?;
                let SealedRow { market, vehicle, facet, generation, .. } = row;
                let row = json!([market, vehicle, facet, generation, key_id, new_id, text]);
                self.push(&row.to_string());
            }
            Err(OpenError::KeyNotHeld) => self.not_held += 1,
            Err(OpenError::Damaged) => self.damaged += 1,
        }
        Ok(())
    }

    /// Adds a row to the last list, or to a new one.
    fn push(&mut self, row: &str) {
        self.rows += 1;
        match self.lists.last_mut().filter(|list| list.len() + row.len() < MAX_LIST_BYTES) {
            Some(list) => {
                list.push(',');
                list.push_str(row);
            }
            None => self.lists.push(format!("[{row}")),
        }
    }

    /// The statements that change the rows. Each returns one row for each that it changed.
    pub fn update(&self) -> Vec<Action> {
        let sql = format!(
            "UPDATE stored_facet SET key_id = r.value ->> 5, sealed = r.value ->> 6 \
             FROM json_each(?2) AS r \
             WHERE market = r.value ->> 0 AND vehicle = r.value ->> 1 AND facet = r.value ->> 2 \
             AND generation = r.value ->> 3 AND key_id = r.value ->> 4 AND {IS_AUDITED} \
             RETURNING facet"
        );
        let list = |list: &String| vec![format!("{list}]").into()];
        let action = |rows| Action::new("stored_facet.reseal", sql.clone(), list(rows));
        self.lists.iter().map(action).collect()
    }
}

/// Counts the rows of the next batch by market and key, and selects the place of its end.
pub fn count(after: &Cursor) -> Statement {
    let sql = "WITH some AS (SELECT market, vehicle, facet, key_id FROM stored_facet \
                 WHERE (market, vehicle, facet) > (?1, ?2, ?3) \
                 ORDER BY market, vehicle, facet LIMIT ?4) \
               SELECT market, key_id, count(*) AS rows, NULL AS vehicle, NULL AS facet \
               FROM some GROUP BY market, key_id \
               UNION ALL SELECT market, NULL, NULL, vehicle, facet FROM \
               (SELECT * FROM some ORDER BY market DESC, vehicle DESC, facet DESC LIMIT 1)";
    let mut params = after.params();
    params.push(ROWS_A_COUNT.into());
    Statement::new("stored_facet.count_keys", sql, params)
}

/// Splits the rows of [`count`] into counts and the place after which the next batch begins.
///
/// # Errors
/// [`StoreError::Rejected`] where a row does not read; an event names the column.
pub fn read_counts(ports: &Ports, mut rows: Rows) -> Result<(Rows, Option<Cursor>), StoreError> {
    let read = |rows: &mut Rows| -> Result<(i64, Option<Cursor>), RowError> {
        let Some(last) = rows.pop() else { return Ok((0, None)) };
        let counts = rows.iter().map(|row| read_column::<i64>(row, "rows"));
        Ok((counts.sum::<Result<i64, _>>()?, Some(Cursor::from_row(&last)?)))
    };
    let (total, last) = read(&mut rows).map_err(|error| {
        ports.report_row("stored_facet", error);
        StoreError::Rejected
    })?;
    Ok((rows, last.filter(|_| total >= ROWS_A_COUNT)))
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let cursor = Cursor::default();
    let batch = ResealingBatch { lists: vec!["[".to_owned()], ..ResealingBatch::default() };
    let updates = batch.update();
    let updates = updates.iter().map(|action| action.to_statement(""));
    [select(&cursor, 1), count(&cursor)].into_iter().chain(updates).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}") {
            let _ = Cursor::parse(&text);
        }
    }
}
