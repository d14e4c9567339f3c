//! Re-sealing: what lies under an older key is sealed under the newest one, in chunks that can be
//! done again.
//!
//! A row changes only where its generation and its key's number are still what was read, so that
//! writers are not disturbed. What does not open stays as it is, and is counted.

use serde_json::{Value, json};

use crate::audit::{Action, IS_AUDITED};
use crate::cache::{OpenError, Place, Sealed, SealingRing};
use crate::market::{FacetName, MarketCode};
use crate::ports::{DbValue, Ports, Rows, Statement};

/// Rows that one chunk looks at.
pub const ROWS_A_CHUNK: i64 = 400;
/// Rows that one chunk counts.
pub const ROWS_A_COUNT: i64 = 20_000;
/// Characters of one statement's rows; D1 takes two million bytes.
const MAX_TEXT: usize = 600_000;

/// A place in the record: what comes after it is still to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    market: String,
    vehicle: String,
    facet: String,
}

/// What a chunk is to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The rows, sealed anew: lists of JSON, each of market, car, facet, generation, the old key's
    /// number, the new one's, text.
    lists: Vec<String>,
    /// How many rows these are.
    pub rows: usize,
    /// Rows whose key is not held.
    pub not_held: usize,
    /// Rows that are damaged.
    pub damaged: usize,
    /// Where the next chunk begins; nothing after the last.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// Reads `market/car/facet`; nothing where it is none.
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
        [&self.market, &self.vehicle, &self.facet].map(|part| DbValue::Text(part.clone())).to_vec()
    }
}

/// The next rows after a place that lie under another key than the newest.
pub fn read(after: &Cursor, newest: u8) -> Statement {
    let mut params = after.params();
    params.extend([DbValue::Integer(ROWS_A_CHUNK), DbValue::Integer(newest.into())]);
    Statement {
        sql: "SELECT market, vehicle, facet, generation, key_id, CASE WHEN key_id <> ?5 THEN sealed END AS sealed \
              FROM stored_facet WHERE (market, vehicle, facet) > (?1, ?2, ?3) ORDER BY market, vehicle, facet LIMIT ?4"
            .to_owned(),
        params,
    }
}

/// Opens the rows of [`read`] and seals them under the newest key.
pub fn seal(ports: &Ports, ring: &SealingRing, rows: &Rows) -> Chunk {
    let mut chunk = Chunk::default();
    for row in rows {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let (Some(market), Some(vehicle), Some(facet)) =
            (text("market"), text("vehicle"), text("facet"))
        else {
            continue;
        };
        chunk.next =
            Some(Cursor { market: market.into(), vehicle: vehicle.into(), facet: facet.into() });
        let Some(sealed) = text("sealed") else { continue };
        let place = MarketCode::new(market).ok().zip(FacetName::parse(facet));
        let key_id =
            row.get("key_id").and_then(Value::as_u64).and_then(|number| u8::try_from(number).ok());
        let Some(((market, facet), key_id)) = place.zip(key_id) else {
            chunk.damaged += 1;
            continue;
        };
        let place = Place { market: &market, vehicle, facet };
        match ring.open(&place, &Sealed { key_id, text: sealed.to_owned() }) {
            Ok(whole) => {
                let anew = ring.seal(&place, &whole, ports.random.as_ref());
                let generation = row.get("generation").and_then(Value::as_i64).unwrap_or_default();
                chunk.add(
                    &json!([market, vehicle, facet, generation, key_id, anew.key_id, anew.text])
                        .to_string(),
                );
            }
            Err(OpenError::KeyNotHeld) => chunk.not_held += 1,
            Err(OpenError::Damaged) => chunk.damaged += 1,
        }
    }
    if i64::try_from(rows.len()).is_ok_and(|rows| rows < ROWS_A_CHUNK) {
        chunk.next = None;
    }
    chunk
}

impl Chunk {
    /// Adds a row to the last list, or to a new one.
    fn add(&mut self, row: &str) {
        self.rows += 1;
        match self.lists.last_mut().filter(|list| list.len() + row.len() < MAX_TEXT) {
            Some(list) => {
                list.push(',');
                list.push_str(row);
            }
            None => self.lists.push(format!("[{row}")),
        }
    }

    /// The statements that change the rows. Each answers one row for each that it changed.
    pub fn write(&self) -> Vec<Action> {
        let action = |list: &String| Action {
            sql: format!(
                "UPDATE stored_facet SET key_id = r.value ->> 5, sealed = r.value ->> 6 FROM json_each(?2) AS r \
                 WHERE market = r.value ->> 0 AND vehicle = r.value ->> 1 AND facet = r.value ->> 2 \
                 AND generation = r.value ->> 3 AND key_id = r.value ->> 4 AND {IS_AUDITED} RETURNING facet"
            ),
            params: vec![DbValue::Text(format!("{list}]"))],
        };
        self.lists.iter().map(action).collect()
    }
}

/// Counts the rows of the next chunk by market and key, and says where it ends.
pub fn count(after: &Cursor) -> Statement {
    let mut params = after.params();
    params.push(DbValue::Integer(ROWS_A_COUNT));
    Statement {
        sql: "WITH some AS (SELECT market, vehicle, facet, key_id FROM stored_facet \
              WHERE (market, vehicle, facet) > (?1, ?2, ?3) ORDER BY market, vehicle, facet LIMIT ?4) \
              SELECT market, key_id, count(*) AS rows, NULL AS vehicle, NULL AS facet FROM some GROUP BY market, key_id \
              UNION ALL SELECT market, NULL, NULL, vehicle, facet FROM \
              (SELECT * FROM some ORDER BY market DESC, vehicle DESC, facet DESC LIMIT 1)"
            .to_owned(),
        params,
    }
}

/// The rows of [`count`] that count, and where the next chunk begins.
pub fn counted(mut rows: Rows) -> (Rows, Option<Cursor>) {
    let text = |row: &serde_json::Map<String, Value>, name: &str| {
        Some(row.get(name)?.as_str()?.to_owned())
    };
    let number =
        |row: &serde_json::Map<String, Value>| row.get("rows").and_then(Value::as_i64).unwrap_or(0);
    let total: i64 = rows.iter().map(number).sum();
    let last = rows.last().and_then(|row| {
        Some(Cursor {
            market: text(row, "market")?,
            vehicle: text(row, "vehicle")?,
            facet: text(row, "facet")?,
        })
    });
    if last.is_some() {
        rows.pop();
    }
    (rows, last.filter(|_| total >= ROWS_A_COUNT))
}
