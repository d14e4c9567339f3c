//! Erasure of a car, or of what tells of persons in its record, from D1 and KV, and the proof that
//! nothing is left.
//!
//! One transaction writes the audit's entry, leaves a hard purge, so that a writer who is late
//! cannot bring anything back, and removes the rows; then the entries in KV go, and everything is
//! read again. What lies under the keys and in the table of the Workers before this layout goes
//! too. (Persons by issuer and subject: no table holds them.)

use serde_json::Value;

use crate::audit::{self, Action, AuditError, Audited, IS_AUDITED};
use crate::cache::{entry, purge};
use crate::market::{FacetName, MarketCode};
use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, Rows, Statement, StoreError, Timestamp};
use crate::telemetry::{Event, Level};
use crate::vehicle::{Field, fields};

/// How long D1 refuses what a late writer brings. None lives longer than its origin's timeout and
/// half a minute.
const PURGE_MS: i64 = 86_400_000;
/// When entries of KV are removed once more: a writer may have been between its transaction and its
/// write to KV.
const AGAIN_MS: u32 = 20_000;
/// Keys that KV reads in one call.
const MAX_KEYS: usize = 100;
/// The entry, and a key for each facet as the Workers before this layout had them.
const KEYS_A_MARKET: usize = 1 + FacetName::ALL.len();

/// What is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Everything about the car.
    Vehicle,
    /// Every facet that has a field of the class `personal`, whole.
    Person,
}

/// The tables that hold something about a car. `facet` is that of the Workers before this layout.
const TABLES: [&str; 4] = ["stored_facet", "facet", "lease", "vehicle"];

/// A store in which something was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// The table, or `kv`.
    pub store: &'static str,
    /// How many rows or entries there were.
    pub found: usize,
    /// How many were removed.
    pub removed: usize,
    /// How many there are now.
    pub left: usize,
}

/// What was done in a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The market.
    pub market: MarketCode,
    /// Its stores.
    pub stores: Vec<Cleared>,
    /// The rules that keep late writers out.
    pub purges: Vec<i64>,
}

/// What was done, and what is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The entry of the audit.
    pub audited: Audited,
    /// Market by market.
    pub markets: Vec<Erased>,
    /// When everything was read again.
    pub read_again_at: Timestamp,
    /// Markets whose list of rules KV did not take.
    pub unpublished: Vec<MarketCode>,
}

impl What {
    /// The word for it in requests and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::Person => "person",
        }
    }

    /// The facets that go; nothing where all do.
    pub fn facets(self) -> Option<Vec<FacetName>> {
        let is_personal = |facet: &FacetName| fields(*facet).iter().any(Field::is_personal);
        (self == Self::Person).then(|| FacetName::ALL.iter().copied().filter(is_personal).collect())
    }

    /// The tables that are cleared. The facts for analysis are public and tell of no person.
    fn tables(self) -> impl Iterator<Item = (usize, &'static str)> {
        TABLES
            .into_iter()
            .filter(move |table| self == Self::Vehicle || *table != "vehicle")
            .enumerate()
    }

    /// The names of the facets, `[null]` for all.
    fn list(self) -> DbValue {
        let names = self
            .facets()
            .map(|facets| facets.into_iter().map(|facet| Value::from(facet.as_str())).collect());
        DbValue::Text(names.unwrap_or_else(|| Value::from(vec![Value::Null])).to_string())
    }
}

/// The markets that have rows of any car, published or not.
///
/// # Errors
/// Where D1 fails.
pub async fn markets_in_use(ports: &Ports) -> Result<Vec<MarketCode>, StoreError> {
    // From one market to the next by the index: the tables are long.
    let walk = |table: &str| Statement {
        sql: format!(
            "WITH RECURSIVE m(code) AS (SELECT min(market) FROM {table} UNION ALL \
             SELECT (SELECT min(market) FROM {table} WHERE market > code) FROM m WHERE code IS NOT NULL) \
             SELECT code FROM m WHERE code IS NOT NULL"
        ),
        params: Vec::new(),
    };
    let mut codes = Vec::new();
    for rows in ports.db.batch(TABLES.map(walk).to_vec()).await? {
        for row in &rows {
            let code = row.get("code").and_then(Value::as_str).unwrap_or_default();
            add(&mut codes, MarketCode::new(code).ok());
        }
    }
    Ok(codes)
}

/// Adds a market in its place, unless it is there.
pub fn add(codes: &mut Vec<MarketCode>, code: Option<MarketCode>) {
    let Some(code) = code else { return };
    let at = codes.iter().take_while(|known| **known < code).count();
    if codes.get(at) != Some(&code) {
        codes.insert(at, code);
    }
}

/// Erases, and reads everything again. Where it fails half way it can be done again: what is gone
/// is found no more.
///
/// # Errors
/// [`AuditError`], where a store fails; or another operator was in the way all the time.
pub async fn erase(
    ports: &Ports,
    entry: &audit::Entry<'_>,
    markets: &[MarketCode],
    vehicle: &str,
    what: What,
) -> Result<Proof, AuditError> {
    let actions: Vec<Action> =
        markets.iter().flat_map(|market| actions(market, vehicle, what)).collect();
    let keys: Vec<String> = markets.iter().flat_map(|market| keys(market, vehicle)).collect();
    let before = read_keys(ports, &keys).await?;
    let audited = audit::act(ports, entry, &actions).await?;
    for (at, key) in keys.iter().enumerate() {
        // Entries also where none was found: KV remembers for a minute that a key was missing.
        if at % KEYS_A_MARKET == 0 || before.get(at) == Some(&true) {
            ports.cache.delete(key.clone()).await?;
        }
    }
    again_later(ports, markets.iter().map(|market| entry::key(market, vehicle)).collect());
    let mut unpublished = Vec::new();
    for market in markets {
        if purge::publish(ports, market).await.is_err() {
            unpublished.push(market.clone());
        }
    }
    let counts = markets.iter().map(|market| count(market, vehicle, what)).collect();
    let left = ports.db.batch(counts).await?;
    let after = read_keys(ports, &keys).await?;
    let each = actions.len() / markets.len().max(1);
    let erased = markets.iter().enumerate().map(|(at, market)| {
        let results = audited.results.get(at * each..(at + 1) * each).unwrap_or_default();
        erased(
            market,
            what,
            results,
            left.get(at),
            (count_keys(&before, at), count_keys(&after, at)),
        )
    });
    let markets = erased.collect();
    Ok(Proof { audited, markets, read_again_at: ports.clock.now(), unpublished })
}

/// What one market's statements answered, made into what was done.
fn erased(
    market: &MarketCode,
    what: What,
    results: &[Rows],
    left: Option<&Rows>,
    (before, after): (usize, usize),
) -> Erased {
    let number = |rows: Option<&Rows>, table: &str| {
        let value = rows.and_then(|rows| rows.first()?.get(table)?.as_u64()).unwrap_or(0);
        usize::try_from(value).unwrap_or(usize::MAX)
    };
    let mut stores: Vec<Cleared> = what
        .tables()
        .map(|(at, table)| Cleared {
            store: table,
            found: number(results.first(), table),
            removed: results.get(2 + at).map_or(0, Vec::len),
            left: number(left, table),
        })
        .collect();
    stores.push(Cleared {
        store: "kv",
        found: before,
        removed: before.saturating_sub(after),
        left: after,
    });
    let ids = results.get(1).into_iter().flatten().filter_map(|row| row.get("id")?.as_i64());
    Erased { market: market.clone(), stores, purges: ids.collect() }
}

/// Counts what there is, leaves a rule for each facet or one for all, and removes the rows.
fn actions(market: &MarketCode, vehicle: &str, what: What) -> Vec<Action> {
    let place =
        || vec![DbValue::Text(market.to_string()), DbValue::Text(vehicle.to_owned()), what.list()];
    let count = Action { sql: format!("{} WHERE {IS_AUDITED}", counts(what, 2)), params: place() };
    let mut params = place();
    params.push(DbValue::Integer(PURGE_MS));
    let rule = Action {
        sql: format!(
            "INSERT INTO purge (market, vehicle, facet, hard, generation, expires_at_ms) \
             SELECT ?2, ?3, f.value, 1, g, g + ?5 FROM json_each(?4) AS f, (SELECT max({NOW_MS}, \
               1 + coalesce((SELECT generation FROM purge ORDER BY id DESC LIMIT 1), 0)) AS g) \
             WHERE {IS_AUDITED} RETURNING id"
        ),
        params,
    };
    let remove = what.tables().map(|(_, table)| Action {
        sql: format!(
            "DELETE FROM {table} WHERE {} AND {IS_AUDITED} RETURNING market",
            is_meant(table, 2)
        ),
        params: place(),
    });
    [count, rule].into_iter().chain(remove).collect()
}

/// Counts what there is.
fn count(market: &MarketCode, vehicle: &str, what: What) -> Statement {
    Statement {
        sql: counts(what, 1),
        params: vec![
            DbValue::Text(market.to_string()),
            DbValue::Text(vehicle.to_owned()),
            what.list(),
        ],
    }
}

fn counts(what: What, first: usize) -> String {
    let counts = what.tables().map(|(_, table)| {
        format!("(SELECT count(*) FROM {table} WHERE {}) AS {table}", is_meant(table, first))
    });
    format!("SELECT {}", counts.collect::<Vec<_>>().join(", "))
}

/// Which rows of a table are meant: those of a market (the parameter `first`), a car and a list of
/// facets, where the table has some.
fn is_meant(table: &str, first: usize) -> String {
    let (car, list) = (first + 1, first + 2);
    let place = format!("{table}.market = ?{first} AND {table}.vehicle = ?{car}");
    if table.ends_with("facet") {
        format!(
            "{place} AND EXISTS (SELECT 1 FROM json_each(?{list}) AS f WHERE coalesce(f.value, {table}.facet) = {table}.facet)"
        )
    } else {
        // The list is bound all the same.
        format!("{place} AND ?{list} IS NOT NULL")
    }
}

/// The keys under which a car's public parts can lie: its entry, and those of the layout before.
/// Also where only a person is meant: an entry is one text, and is made anew from the record.
fn keys(market: &MarketCode, vehicle: &str) -> Vec<String> {
    let old = FacetName::ALL.iter().map(|facet| format!("facet:{market}:{vehicle}:{facet}"));
    std::iter::once(entry::key(market, vehicle)).chain(old).collect()
}

/// Which keys there are.
async fn read_keys(ports: &Ports, keys: &[String]) -> Result<Vec<bool>, StoreError> {
    let mut there = Vec::new();
    for some in keys.chunks(MAX_KEYS) {
        for value in ports.cache.get_many(some.to_vec()).await? {
            there.push(value.is_some());
        }
    }
    Ok(there)
}

/// How many keys of the nth market there are.
fn count_keys(there: &[bool], market: usize) -> usize {
    there.iter().skip(market * KEYS_A_MARKET).take(KEYS_A_MARKET).filter(|there| **there).count()
}

/// Removes entries in KV once more, a little later.
pub fn again_later(ports: &Ports, keys: Vec<String>) {
    let again = ports.clone();
    let work = async move {
        again.timer.sleep(AGAIN_MS).await;
        for key in keys {
            if again.cache.delete(key).await.is_err() {
                let event = Event::new(
                    Level::Error,
                    "a car's entry could not be removed from KV a second time",
                );
                again.events.emit(event);
            }
        }
    };
    ports.background.spawn(Box::pin(work));
}
