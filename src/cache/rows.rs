//! Rows of the table `stored_facet`: the statements that read and write them, and rows as
//! envelopes.

use std::rc::Rc;

use serde_json::{Value, json};

use super::envelope::{Envelope, Stored};
use super::place::VehiclePlace;
use super::sealing::Sealed;
use crate::market::FacetName;
use crate::ports::db_clock::{MAX_SKEW_MS, NOW_MS};
use crate::ports::{DbValue, FromRow, Row, RowError, Statement, Timestamp, row_type};
use crate::text::SharedStr;

/// The longest JSON list of rows for one statement, bytes. D1 takes parameters and rows of
/// 2 000 000 bytes; a row is a little shorter than its JSON.
const MAX_ROWS_BYTES: usize = 1_900_000;

row_type! {
    /// A row without its sealed value, which few may read.
    struct FacetRow {
        facet: FacetName,
        generation: i64,
        stored_at_ms: Timestamp,
        source: SharedStr,
        policy: u32,
        ttl_s: u32,
        stale_s: u32,
        error_s: u32,
        took_ms: u32,
        public: Option<SharedStr>,
        withheld: SharedStr,
    }
}

row_type! {
    /// The sealed value of a row, and the number of its key.
    struct SealedColumns { key_id: Option<u8>, sealed: Option<String> }
}

/// Selects all rows of the car. The sealed value comes along for the facets in `sealed_of` alone;
/// nothing: for none.
pub(super) fn select(
    place: &VehiclePlace,
    sealed_of: Option<&[FacetName]>,
    now: Timestamp,
) -> Statement {
    let sealed = if sealed_of.is_some() {
        let is_named = "facet IN (SELECT value FROM json_each(?4))";
        format!(
            ", CASE WHEN {is_named} THEN key_id END AS key_id, \
             CASE WHEN {is_named} THEN sealed END AS sealed"
        )
    } else {
        String::new()
    };
    let sql = format!(
        "SELECT {}{sealed} FROM stored_facet \
         WHERE market = ?1 AND vehicle = ?2 AND expires_at_ms > ?3",
        FacetRow::COLUMNS
    );
    let names = |facets: &[FacetName]| facets.iter().map(|facet| facet.as_str()).collect();
    let names = sealed_of.map(|facets| -> Value { names(facets) });
    let mut params = place.with([now.into()]);
    params.extend(names.map(|names| DbValue::from(names.to_string())));
    Statement::new("stored_facet.select", sql, params)
}

/// Selects the rows of facets that are newer than these generations, with their sealed values where
/// `with_sealed`, and the car's identity where `with_identity`: purge rules may ask for it.
pub(super) fn select_newer(
    place: &VehiclePlace,
    with_sealed: bool,
    known: &[(FacetName, i64)],
    with_identity: bool,
    now: Timestamp,
) -> Statement {
    let sealed = if with_sealed { ", key_id, sealed" } else { "" };
    let identity = if with_identity { " OR facet = 'identity'" } else { "" };
    let known: Value =
        known.iter().map(|(facet, generation)| json!([facet.as_str(), generation])).collect();
    let sql = format!(
        "SELECT {}{sealed} FROM stored_facet \
         WHERE market = ?1 AND vehicle = ?2 AND expires_at_ms > ?3 \
         AND (EXISTS (SELECT 1 FROM json_each(?4) AS k WHERE k.value ->> 0 = stored_facet.facet \
           AND stored_facet.generation > k.value ->> 1){identity})",
        FacetRow::COLUMNS
    );
    let params = place.with([now.into(), known.to_string().into()]);
    Statement::new("stored_facet.select_newer", sql, params)
}

/// The statements that write facets, as few as D1's limit on a parameter allows, and the facets
/// that are too long to be stored.
pub(super) fn upserts(
    place: &VehiclePlace,
    facets: &[(FacetName, Envelope)],
    now: Timestamp,
) -> (Vec<Statement>, Vec<FacetName>) {
    let (mut lists, mut too_long): (Vec<String>, _) = (Vec::new(), Vec::new());
    for (facet, envelope) in facets {
        let row = row_values(*facet, envelope, now).to_string();
        if row.len() > MAX_ROWS_BYTES {
            too_long.push(*facet);
            continue;
        }
        match lists.last_mut().filter(|list| list.len() + row.len() < MAX_ROWS_BYTES) {
            Some(list) => list.extend([",", &row]),
            None => lists.push(format!("[{row}")),
        }
    }
    let statements = lists.into_iter().map(|list| upsert(place, list + "]")).collect();
    (statements, too_long)
}

/// Writes rows, a JSON list of [`row_values`], where they are not older than the stored ones and no
/// purge refuses them. A generation that is not above 0 says how long ago the fetch began.
fn upsert(place: &VehiclePlace, rows: String) -> Statement {
    let columns = FacetRow::COLUMNS;
    let replaced = replaced_columns();
    let sql = format!(
        "INSERT INTO stored_facet \
           (market, vehicle, {columns}, expires_at_ms, key_id, sealed, keeper) \
         SELECT ?1, ?2, r.value ->> 0, r.generation, r.value ->> 2, r.value ->> 3, \
           r.value ->> 4, r.value ->> 5, r.value ->> 6, r.value ->> 7, r.value ->> 8, \
           r.value ->> 9, r.value ->> 10, r.value ->> 11, r.value ->> 12, r.value ->> 13, \
           r.value ->> 14 \
         FROM (SELECT value, CASE WHEN value ->> 1 > 0 THEN value ->> 1 \
             ELSE {NOW_MS} + (value ->> 1) END AS generation FROM json_each(?3)) AS r \
         WHERE NOT EXISTS (SELECT 1 FROM purge AS p WHERE p.market = ?1 \
           AND (p.hard = 1 OR p.vehicle IS NOT NULL) \
           AND (p.vehicle IS NULL OR p.vehicle = ?2) \
           AND p.generation >= r.generation AND p.tag IS NULL \
           AND coalesce(p.facet, r.value ->> 0) = r.value ->> 0 \
           AND coalesce(p.origin, r.value ->> 3) = r.value ->> 3) \
         ON CONFLICT (market, vehicle, facet) DO UPDATE SET {replaced} \
         WHERE excluded.generation >= stored_facet.generation \
           OR stored_facet.generation > {NOW_MS} + {MAX_SKEW_MS}"
    );
    Statement::new("stored_facet.upsert", sql, place.with([rows.into()]))
}

/// The assignments that replace a whole row.
fn replaced_columns() -> String {
    let columns = FacetRow::COLUMNS.split(", ").skip(1);
    let columns = columns.chain(["expires_at_ms", "key_id", "sealed", "keeper"]);
    let assignments = columns.map(|column| format!("{column} = excluded.{column}"));
    assignments.collect::<Vec<_>>().join(", ")
}

/// The values of a row in the order of [`upsert`].
fn row_values(facet: FacetName, envelope: &Envelope, now: Timestamp) -> Value {
    let (public, withheld, sealed) = match &envelope.stored {
        Stored::Present { public, withheld, sealed } => {
            (Some(&**public), &**withheld, sealed.as_deref())
        }
        Stored::Absent => (None, "", None),
    };
    // Without a lease the record's clock says when the fetch began: so long ago.
    let generation = if envelope.is_leased {
        envelope.generation
    } else {
        -now.since_ms(Timestamp(envelope.generation))
    };
    json!([
        facet.as_str(),
        generation,
        envelope.stored_at.0,
        &*envelope.source,
        envelope.policy,
        envelope.ttl_s,
        envelope.stale_s,
        envelope.error_s,
        envelope.took_ms,
        public,
        withheld,
        envelope.expires_at().0,
        sealed.map(|sealed| sealed.key_id),
        sealed.map(|sealed| sealed.text.as_str()),
        envelope.keeper.as_ref().map(|keeper| keeper.0.as_str()),
    ])
}

/// Reads a row as an envelope.
///
/// # Errors
/// [`RowError`] for the first column that does not read.
pub(super) fn read_envelope(row: &Row) -> Result<(FacetName, Envelope), RowError> {
    let facet = FacetRow::from_row(row)?;
    let sealed = if row.contains_key("sealed") { read_sealed(row)? } else { None };
    let stored = match facet.public {
        None => Stored::Absent,
        Some(public) => Stored::Present { public, withheld: facet.withheld, sealed },
    };
    let envelope = Envelope {
        stored_at: facet.stored_at_ms,
        generation: facet.generation,
        source: facet.source,
        policy: facet.policy,
        ttl_s: facet.ttl_s,
        stale_s: facet.stale_s,
        error_s: facet.error_s,
        took_ms: facet.took_ms,
        is_leased: true,
        is_purged: false,
        keeper: None,
        stored,
    };
    if !envelope.is_within_bounds() {
        return Err(RowError { column: "stored_at_ms", expected: "numbers within their bounds" });
    }
    Ok((facet.facet, envelope))
}

/// The sealed value of a row; nothing where nothing is above public. Half of one is an error.
fn read_sealed(row: &Row) -> Result<Option<Rc<Sealed>>, RowError> {
    match SealedColumns::from_row(row)? {
        SealedColumns { key_id: None, sealed: None } => Ok(None),
        SealedColumns { key_id: Some(key_id), sealed: Some(text) } => {
            Ok(Some(Rc::new(Sealed { key_id, text })))
        }
        SealedColumns { key_id: None, .. } => Err(missing::<u8>("key_id")),
        SealedColumns { sealed: None, .. } => Err(missing::<String>("sealed")),
    }
}

fn missing<T: crate::ports::FromCell>(column: &'static str) -> RowError {
    RowError { column, expected: T::EXPECTED }
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples(place: &VehiclePlace) -> Vec<Statement> {
    let now = Timestamp(0);
    let mut all = Vec::new();
    all.extend([None, Some([].as_slice())].map(|sealed_of| select(place, sealed_of, now)));
    for with_sealed in [true, false] {
        all.extend([true, false].map(|id| select_newer(place, with_sealed, &[], id, now)));
    }
    all.push(upsert(place, "[]".to_owned()));
    all
}
