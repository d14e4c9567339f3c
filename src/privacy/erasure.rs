//! Erasure of a car, or of the personal facets of its record, from D1 and KV, with a proof that
//! nothing is left.
//!
//! One transaction writes the audit entry, declares a hard purge, so that a late writer cannot
//! bring anything back, and deletes the rows; then the KV entries are deleted, and everything is
//! read again. The tables and keys are those of the register. (No table holds a person by issuer
//! and subject.)

use serde_json::Value;

use super::register::{self, Eraser, TABLES, Table};
use crate::audit::{self, Action, AuditError, Audited, IS_AUDITED};
use crate::cache::{entry_key, purge};
use crate::market::{FacetName, MarketCode};
use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, Rows, Statement, StoreError, Timestamp, read_column, row_type};
use crate::telemetry::{Event, Level};
use crate::vehicle::{Field, fields};

/// Milliseconds that D1 refuses late writers. No writer lives longer than its origin's timeout and
/// half a minute.
const PURGE_MS: i64 = 86_400_000;
/// Milliseconds after which KV entries are deleted once more: a writer may have been between its
/// transaction and its write to KV.
const DELETE_AGAIN_MS: u32 = 20_000;
/// Keys of one read of KV at most.
const MAX_KEYS: usize = 100;

/// The extent of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureScope {
    /// Everything about the car.
    Vehicle,
    /// Every facet with a field of the class `personal`, whole.
    Person,
}

/// The result in one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedStore {
    /// The table, or `kv`.
    pub store: &'static str,
    /// Rows or entries before.
    pub found: usize,
    /// Rows or entries deleted.
    pub removed: usize,
    /// Rows or entries after.
    pub left: usize,
}

/// The result in one market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedMarket {
    /// The market.
    pub market: MarketCode,
    /// Its stores.
    pub stores: Vec<ErasedStore>,
    /// The numbers of the purge rules that keep late writers out.
    pub purges: Vec<i64>,
}

/// The proof of an erasure.
#[derive(Debug, Clone, PartialEq)]
pub struct ErasureProof {
    /// The audit entry.
    pub audited: Audited,
    /// Market by market.
    pub markets: Vec<ErasedMarket>,
    /// The time at which everything was read again.
    pub read_again_at: Timestamp,
    /// Markets whose list of rules KV refused.
    pub unpublished: Vec<MarketCode>,
}

impl ErasureScope {
    /// The word for it in requests and responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::Person => "person",
        }
    }

    /// The facets that are erased; nothing where all are.
    pub fn facets(self) -> Option<Vec<FacetName>> {
        let is_personal = |facet: &FacetName| fields(*facet).iter().any(Field::is_personal);
        (self == Self::Person).then(|| FacetName::ALL.iter().copied().filter(is_personal).collect())
    }

    /// The tables that it reaches.
    fn tables(self) -> impl Iterator<Item = &'static Table> {
        let is_reached = move |table: &&Table| match table.eraser {
            Eraser::Facets | Eraser::Rows => true,
            Eraser::VehicleOnly => self == Self::Vehicle,
            Eraser::Kept(_) => false,
        };
        TABLES.iter().filter(is_reached)
    }

    /// The names of the facets, `[null]` for all.
    fn list(self) -> DbValue {
        let names = self
            .facets()
            .map(|facets| facets.into_iter().map(|facet| Value::from(facet.as_str())).collect());
        DbValue::Text(names.unwrap_or_else(|| Value::from(vec![Value::Null])).to_string())
    }
}

row_type! {
    /// A market that has rows.
    struct MarketRow { code: MarketCode }
}

row_type! {
    /// A purge rule that was declared.
    struct RuleRow { id: i64 }
}

/// The markets that have rows of any car, published or not.
///
/// # Errors
/// [`StoreError`] where D1 fails or a row does not read.
pub async fn markets_in_use(ports: &Ports) -> Result<Vec<MarketCode>, StoreError> {
    let walks = TABLES.iter().filter(|table| table.is_erasable()).map(walk_markets);
    let mut codes = Vec::new();
    for rows in ports.db.batch(walks.collect()).await? {
        for row in ports.read_rows::<MarketRow>("market", &rows)? {
            insert_sorted(&mut codes, row.code);
        }
    }
    Ok(codes)
}

/// Selects the markets of a table, from one to the next by the index: the tables are long.
fn walk_markets(table: &Table) -> Statement {
    let table = table.name;
    let sql = format!(
        "WITH RECURSIVE m(code) AS (SELECT min(market) FROM {table} UNION ALL \
         SELECT (SELECT min(market) FROM {table} WHERE market > code) FROM m \
         WHERE code IS NOT NULL) SELECT code FROM m WHERE code IS NOT NULL"
    );
    Statement::new("register.markets", sql, Vec::new())
}

/// Inserts a market in its place, unless it is there.
pub fn insert_sorted(codes: &mut Vec<MarketCode>, code: MarketCode) {
    if let Err(at) = codes.binary_search(&code) {
        codes.insert(at, code);
    }
}

/// The keys of one market and which of them hold a value.
struct KvKeys {
    keys: Vec<String>,
    found: Vec<bool>,
}

impl KvKeys {
    async fn read(ports: &Ports, market: &MarketCode, vehicle: &str) -> Result<Self, StoreError> {
        let keys = register::vehicle_keys(market, vehicle);
        let mut found = Vec::new();
        for some in keys.chunks(MAX_KEYS) {
            let values = ports.cache.get_many(some.to_vec()).await?;
            found.extend(values.iter().map(Option::is_some));
        }
        Ok(Self { keys, found })
    }

    fn count(&self) -> usize {
        self.found.iter().filter(|found| **found).count()
    }

    /// Deletes the keys that hold a value, and the car's entry also where none was found: KV
    /// remembers for a minute that a key was missing.
    async fn delete(self, ports: &Ports, entry: &str) -> Result<(), StoreError> {
        for (key, found) in self.keys.into_iter().zip(self.found) {
            if found || key == entry {
                ports.cache.delete(key).await?;
            }
        }
        Ok(())
    }
}

/// Erases, and reads everything again. An erasure that fails half way can be repeated: erased rows
/// are no longer found.
///
/// # Errors
/// [`AuditError`], where a store fails.
pub async fn erase(
    ports: &Ports,
    entry: &audit::Entry<'_>,
    markets: &[MarketCode],
    vehicle: &str,
    scope: ErasureScope,
) -> Result<ErasureProof, AuditError> {
    let actions: Vec<Action> =
        markets.iter().flat_map(|market| actions(market, vehicle, scope)).collect();
    let mut before = Vec::new();
    for market in markets {
        before.push(KvKeys::read(ports, market, vehicle).await?);
    }
    let audited = audit::act(ports, entry, &actions).await?;
    let found_in_kv: Vec<usize> = before.iter().map(KvKeys::count).collect();
    for (market, keys) in markets.iter().zip(before) {
        keys.delete(ports, &entry_key(market, vehicle)).await?;
    }
    delete_again_later(ports, markets.iter().map(|market| entry_key(market, vehicle)).collect());
    let unpublished = publish_rules(ports, markets).await;
    let counts = markets.iter().map(|market| count(market, vehicle, scope)).collect();
    let left = ports.db.batch(counts).await?;
    let each = actions.len() / markets.len().max(1);
    let mut erased = Vec::new();
    for (at, (market, before)) in markets.iter().zip(found_in_kv).enumerate() {
        let results = audited.results.get(at * each..(at + 1) * each);
        let (results, left) =
            results.zip(left.get(at)).ok_or(AuditError::from(StoreError::Rejected))?;
        let after = KvKeys::read(ports, market, vehicle).await?.count();
        let mut stores = erased_tables(ports, scope, results, left)?;
        let removed = before.saturating_sub(after);
        stores.push(ErasedStore { store: "kv", found: before, removed, left: after });
        let rules = results.get(1).map_or(&[][..], Vec::as_slice);
        let purges = ports.read_rows::<RuleRow>("purge", rules)?;
        let purges = purges.into_iter().map(|rule| rule.id).collect();
        erased.push(ErasedMarket { market: market.clone(), stores, purges });
    }
    let read_again_at = ports.clock.now();
    Ok(ErasureProof { audited, markets: erased, read_again_at, unpublished })
}

/// Brings the purge rules to KV; returns the markets whose list KV refused.
async fn publish_rules(ports: &Ports, markets: &[MarketCode]) -> Vec<MarketCode> {
    let mut unpublished = Vec::new();
    for market in markets {
        if purge::publish(ports, market).await.is_err() {
            unpublished.push(market.clone());
        }
    }
    unpublished
}

/// Reads the results of one market's [`actions`] and the count afterwards.
fn erased_tables(
    ports: &Ports,
    scope: ErasureScope,
    results: &[Rows],
    left: &Rows,
) -> Result<Vec<ErasedStore>, StoreError> {
    let number = |rows: Option<&Rows>, table: &'static str| {
        let row = rows.and_then(|rows| rows.first()).ok_or(StoreError::Rejected)?;
        read_column::<usize>(row, table).map_err(|error| {
            ports.report_row(table, error);
            StoreError::Rejected
        })
    };
    let tables = scope.tables().enumerate().map(|(at, table)| {
        Ok(ErasedStore {
            store: table.name,
            found: number(results.first(), table.name)?,
            removed: results.get(2 + at).ok_or(StoreError::Rejected)?.len(),
            left: number(Some(left), table.name)?,
        })
    });
    tables.collect()
}

/// The statements for one market: counts the rows, declares a rule for each facet or one for all,
/// and deletes the rows of each table.
fn actions(market: &MarketCode, vehicle: &str, scope: ErasureScope) -> Vec<Action> {
    let place = || vec![market.into(), vehicle.into(), scope.list()];
    let count = format!("{} WHERE {IS_AUDITED}", counts(scope, 2));
    let declare = format!(
        "INSERT INTO purge (market, vehicle, facet, hard, generation, expires_at_ms) \
         SELECT ?2, ?3, f.value, 1, g, g + ?5 FROM json_each(?4) AS f, (SELECT max({NOW_MS}, \
           1 + coalesce((SELECT generation FROM purge ORDER BY id DESC LIMIT 1), 0)) AS g) \
         WHERE {IS_AUDITED} RETURNING id"
    );
    let mut params = place();
    params.push(PURGE_MS.into());
    let mut actions = vec![
        Action::new("register.count_audited", count, place()),
        Action::new("purge.declare_erasure", declare, params),
    ];
    actions.extend(scope.tables().map(|table| {
        let (name, is_meant) = (table.name, is_meant(table, 2));
        let sql = format!("DELETE FROM {name} WHERE {is_meant} AND {IS_AUDITED} RETURNING market");
        Action::new("register.erase", sql, place())
    }));
    actions
}

/// Counts the rows of each table.
fn count(market: &MarketCode, vehicle: &str, scope: ErasureScope) -> Statement {
    let params = vec![market.into(), vehicle.into(), scope.list()];
    Statement::new("register.count", counts(scope, 1), params)
}

fn counts(scope: ErasureScope, first: usize) -> String {
    let counts = scope.tables().map(|table| {
        let (name, is_meant) = (table.name, is_meant(table, first));
        format!("(SELECT count(*) FROM {name} WHERE {is_meant}) AS {name}")
    });
    format!("SELECT {}", counts.collect::<Vec<_>>().join(", "))
}

/// The condition of the rows that are erased: those of a market (the parameter `first`), a car and
/// a list of facets, where the table has facets.
fn is_meant(table: &Table, first: usize) -> String {
    let (name, car, list) = (table.name, first + 1, first + 2);
    let place = format!("{name}.market = ?{first} AND {name}.vehicle = ?{car}");
    if table.eraser == Eraser::Facets {
        format!(
            "{place} AND EXISTS (SELECT 1 FROM json_each(?{list}) AS f \
             WHERE coalesce(f.value, {name}.facet) = {name}.facet)"
        )
    } else {
        // The list is bound all the same.
        format!("{place} AND ?{list} IS NOT NULL")
    }
}

/// Deletes KV entries once more, a little later.
pub fn delete_again_later(ports: &Ports, keys: Vec<String>) {
    let again = ports.clone();
    let work = async move {
        again.timer.sleep(DELETE_AGAIN_MS).await;
        for key in keys {
            if again.cache.delete(key).await.is_err() {
                let message = "a car's entry could not be removed from KV a second time";
                again.events.emit(Event::new(Level::Error, message));
            }
        }
    };
    ports.background.spawn(Box::pin(work));
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let market = MarketCode::new("de").expect("a code");
    let mut all: Vec<Statement> =
        TABLES.iter().filter(|table| table.is_erasable()).map(walk_markets).collect();
    for scope in [ErasureScope::Vehicle, ErasureScope::Person] {
        all.push(count(&market, "car", scope));
        all.extend(actions(&market, "car", scope).iter().map(|action| action.to_statement("")));
    }
    all
}
